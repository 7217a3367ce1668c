/**
 * How it stands, in the words of a person: a pure function of what microphone and connection say.
 */

/**
 * @typedef {object} Standing
 * @property {boolean} running the learner has pressed the button and not stopped
 * @property {boolean} stopping stopped, and the last sentence is still owed
 * @property {boolean} [waiting] a session of before a reload is taken up
 * @property {{state: string, reason: string, label: string}} capture
 * @property {{state: string, reason: string, retryInMs: number|null, bufferedMs: number}|null}
 *     session null before the first
 * @property {boolean} speaking
 * @property {number|null} latencyMs from words to text, of late
 *
 * @typedef {[string, object]|null} Words a key of the page's words, and its values
 *
 * @typedef {object} Status
 * @property {string} state one of: idle returning waiting opening connecting listening hearing
 *     finishing reconnecting suspended lost ended failed signin denied no-device
 * @property {"quiet"|"work"|"good"|"warn"|"bad"} tone
 * @property {Words} title
 * @property {Words} detail
 * @property {{title: string, text: Words, button: string, action: string}|null} help what to do,
 *     where a person has to do something; action: "start" "resume" "languages"
 */

/** Audio that is worth mentioning: less is on its way all the time. */
const CATCH_UP_MS = 2500;
/** Text that comes so late is worth a word, too. */
const LATE_MS = 5000;

/**
 * @param {Standing} standing
 * @returns {Status}
 */
export function describe(standing) {
    const { running, capture, session } = standing;
    if (session?.state === "failed" && session.reason === "unauthorized")
        return status("signin", "warn");
    if (capture.state === "denied") return microphone("denied", capture.reason || "permission");
    if (capture.state === "no-device") return microphone("no-device", capture.reason || "none");
    if (capture.state === "failed") return broken(capture.reason);
    if (standing.stopping) return stopping(session);
    if (running) return runningStatus(standing);
    if (standing.waiting) return waitingStatus(session);
    if (session?.state === "failed") return failed(session.reason);
    if (session?.state === "ended") return status("ended", "quiet", ["state.ended.detail", {}]);
    return status("idle", "quiet");
}

function status(state, tone, detail = null, help = null, title = `state.${state}`) {
    return { state, tone, title: [title, {}], detail, help };
}

function waitingStatus(session) {
    return session?.state === "live"
        ? status("waiting", "quiet", ["state.waiting.detail", {}])
        : status("returning", "work");
}

function runningStatus(standing) {
    const { capture, session } = standing;
    if (capture.state === "opening") return status("opening", "work", ["state.opening.detail", {}]);
    if (capture.state === "suspended") return suspended(capture.reason);
    if (capture.state === "lost") return status("lost", "warn", ["state.lost.detail", {}]);
    if (!session || session.state === "connecting") return connecting(session);
    if (session.state === "reconnecting") return reconnecting(session);
    const state = standing.speaking ? "hearing" : "listening";
    return status(state, "good", lateness(session.bufferedMs, standing.latencyMs));
}

function lateness(bufferedMs, latencyMs) {
    if (bufferedMs > CATCH_UP_MS) return ["state.catchup.detail", { kept: seconds(bufferedMs) }];
    return latencyMs > LATE_MS ? ["state.late.detail", { n: seconds(latencyMs) }] : null;
}

function stopping(session) {
    return session?.state === "reconnecting" ? reconnecting(session) : status("finishing", "work");
}

function seconds(ms) {
    return Math.max(0, Math.round(ms / 1000));
}

function waiting(session) {
    return { n: Math.max(1, seconds(session.retryInMs ?? 0)), kept: seconds(session.bufferedMs) };
}

function full(session, state) {
    const values = waiting(session);
    return status(state, "warn", ["state.over_capacity.detail", values], null,
        "state.over_capacity");
}

function connecting(session) {
    if (session?.reason === "over_capacity" && session.retryInMs !== null)
        return full(session, "connecting");
    const wait = session && session.retryInMs !== null && session.retryInMs > 0;
    return status("connecting", "work", wait
        ? ["state.connecting.waiting", waiting(session)]
        : ["state.connecting.detail", {}]);
}

function reconnecting(session) {
    const values = waiting(session);
    if (session.reason === "goaway")
        return status("reconnecting", "work", ["state.goaway.detail", {}], null, "state.goaway");
    if (session.reason === "over_capacity" && session.retryInMs !== null)
        return full(session, "reconnecting");
    if (session.reason === "offline")
        return status("reconnecting", "warn", ["state.reconnecting.offline", values]);
    return status("reconnecting", "warn", session.retryInMs !== null && session.retryInMs > 0
        ? ["state.reconnecting.waiting", values]
        : ["state.reconnecting.detail", {}]);
}

function suspended(reason) {
    const known = ["interrupted", "system", "gesture"].includes(reason) ? reason : "interrupted";
    const help = known === "gesture"
        ? advice("help.suspended.title", ["help.suspended.text", {}], "help.resume", "resume")
        : null;
    return status("suspended", "warn", help ? null : [`state.suspended.${known}`, {}], help);
}

function advice(title, text, button = "retry", action = "start") {
    return { title, text, button, action };
}

function microphone(state, reason) {
    const help = advice(`help.${state}.title`, [`help.${state}.${reason}`, {}]);
    return status(state, "bad", null, help);
}

function broken(reason) {
    const help = advice("help.microphone.title", ["help.microphone.text", { reason }]);
    return status("failed", "bad", null, help);
}

function failed(reason) {
    const languages = ["unsupported_language", "too_many_targets", "upstream_refused"];
    const text = [`help.failed.${reason}`, {}];
    const help = languages.includes(reason)
        ? advice("help.failed.title", text, "help.languages", "languages")
        : advice("help.failed.title", text);
    return status("failed", "bad", null, help);
}

/** The middle of the last few, so that one late sentence does not shake it. */
export class Latency {
    #last = [];

    /** @param {object} message transcript of the server */
    add(message) {
        const ms = message.lat?.audio;
        if (typeof ms !== "number" || !(ms >= 0)) return;
        this.#last.push(ms);
        if (this.#last.length > 9) this.#last.shift();
    }

    /** @returns {number|null} milliseconds */
    get middle() {
        const sorted = [...this.#last].sort((a, b) => a - b);
        return sorted.length ? sorted[sorted.length >> 1] : null;
    }

    clear() {
        this.#last = [];
    }
}
