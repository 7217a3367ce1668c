/**
 * Keeps the screen on while somebody speaks: a phone that falls asleep takes the microphone away.
 * Where the browser does not offer it, or refuses, nothing happens.
 */
export class Awake {
    #wanted = false;
    #lock = null;

    constructor() {
        // The browser takes the lock when the page is hidden, and does not give it back.
        document.addEventListener("visibilitychange", () => this.#ask());
    }

    /** @param {boolean} wanted */
    set(wanted) {
        if (wanted === this.#wanted) return;
        this.#wanted = wanted;
        if (wanted) this.#ask();
        else this.#release();
    }

    async #ask() {
        if (!this.#wanted || document.visibilityState !== "visible") return;
        const lock = await navigator.wakeLock?.request("screen").catch(() => null);
        if (!lock) return;
        this.#release();
        this.#lock = lock;
        if (!this.#wanted) this.#release();
    }

    #release() {
        this.#lock?.release();
        this.#lock = null;
    }
}
