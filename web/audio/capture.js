/**
 * The microphone as frames of 24 kHz mono.
 *
 * Events, with `event.detail`:
 * - "frame": Int16Array of 50 ms (1200 samples at 24 kHz), the listener's own. While muted: zeros.
 * - "level": {rms, peak, speaking} about 20 a second; rms and peak 0…1 of full scale.
 * - "state": {state, reason, label}.
 *     "opening" | "open": reason "" or "fallback" (the chosen device is gone, this is the default)
 *     "denied": reason "permission" | "dismissed" | "insecure" (not https, not localhost)
 *     "no-device": reason "none" | "busy"; it opens by itself when a device is plugged in
 *     "lost": the device went away; the default device is being opened
 *     "suspended": reason "interrupted" (a call, sleep) | "gesture" (call resume() from a click) |
 *       "system" (muted by the system or the headset); it goes on by itself when it can
 *     "failed": reason is the browser's text: it has no AudioWorklet, or a module did not load
 *     "closed"
 *   label: the device's name while open, else "".
 */
export class Capture extends EventTarget {
    /** The last "state" detail. */
    get state() {}

    /**
     * Asks for the microphone. Call it from a click. Settles when "open", or any state that says
     * why not; never rejects. Open again with another deviceId to change the device.
     * @param {{deviceId?: string}} [options] default device when absent
     */
    async open({ deviceId } = {}) {}

    /** Tries to go on after "suspended"; best from a click. */
    async resume() {}

    /** Gives the microphone back. Another open() may follow. */
    async close() {}

    /** True: silence is sent in place of what is heard. */
    get mute() {}
    set mute(on) {}

    /**
     * Microphones to choose from; their labels are empty before permission was given.
     * @returns {Promise<{deviceId: string, label: string}[]>}
     */
    static async devices() {}
}
