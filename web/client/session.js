/**
 * A learner's session over any number of sockets (sotto.v1): it keeps audio until the server has
 * acknowledged it, comes back when a socket is lost, and goes on where it was.
 *
 * Events, with `event.detail`:
 * - "state": {state, reason, retryInMs, bufferedMs}.
 *     state: "connecting" (the first time) | "live" | "reconnecting" | "ended" | "failed".
 *     reason: connecting and reconnecting: "" | "lost" | "offline" | "silent" | "goaway" | an error
 *       code ("over_capacity"); ended: the server's reason ("client", "shutdown") | "closed" when
 *       close() did it; failed: an error code ("unauthorized", "resume_refused", …) | "protocol".
 *     retryInMs: until the next try, null while one is under way or none will come.
 *     bufferedMs: audio that waits to be sent. While reconnecting "state" comes again about each
 *       second with the new figure.
 * - "message": every message of the server, for a Transcript.
 * - "started" "updated" "transcript" "translation" "grammar" "note" "degraded" "restored" "goaway"
 *   "error" "ended": the message of that kind.
 * - "dropped": {ms}: so much audio was given up because more than `resume_ms` waited, since the
 *   last such event; what was said there is lost.
 * Once "ended" or "failed" came as a state, no event follows. A session that failed with
 * "resume_refused" (it was away too long) may be followed by a new Session.
 */
export class Session extends EventTarget {
    /**
     * @param {object} options
     * @param {string|URL} [options.url] ws(s) URL of /v1/stream; of the page's own server if absent
     * @param {string} [options.token]
     * @param {{source: string, targets: string[], grammar?: boolean, partials?: boolean,
     *     stability?: string, explain_in?: string, name?: string, class?: string}} options.settings
     * @param {number} [options.rate] of the audio, 24000
     * @param {object} [options.env] what a test replaces: {WebSocket, now, setTimeout, clearTimeout,
     *     random, signals}
     */
    constructor({ url, token, settings, rate = 24000, env = {} }) {
        super();
        throw new Error("not yet");
    }

    /** The last "state" detail. */
    get state() {}

    /** Session id, "" before the first "started". */
    get id() {}

    /** Connects. Once. Audio may be sent at once: it is kept. */
    start() {}

    /** No more audio: sends what waits and session.end; "ended" comes when all is delivered. */
    stop() {}

    /**
     * New settings from the next segment on; kept through reconnects until the server has them.
     * @param {{targets?: string[], grammar?: boolean, partials?: boolean, stability?: string,
     *     explain_in?: string}} settings
     */
    update(settings) {}

    /** @param {Int16Array} pcm mono; taken over: do not write to it afterwards */
    send(pcm) {}

    /** A hint that somebody speaks or not, at the end of the audio sent so far. */
    activity(speaking) {}

    /** Leaves at once; what is owed is not waited for, and the server ends the session. */
    close() {}
}
