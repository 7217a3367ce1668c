/** In place of the page's connection: a test says what the server would. See fakes/server.mjs. */
const all = (window.fakeSessions = []);

export class Session extends EventTarget {
    constructor({ token, settings, resume }) {
        super();
        Object.assign(this, { token, settings, resume, updates: [], calls: [], frames: 0, unsent: [] });
        this.state = { state: "connecting", reason: "", retryInMs: null, bufferedMs: 0 };
        all.push(this);
    }

    start() {
        this.calls.push("start");
        this.be(this.state);
    }

    stop() {
        this.calls.push("stop");
    }

    close() {
        this.calls.push("close");
    }

    update(settings) {
        this.updates.push(settings);
    }

    send(pcm) {
        this.frames++;
        this.sent = pcm;
    }

    activity(speaking) {
        this.calls.push(`activity ${speaking}`);
    }

    /** The connection stands so. */
    be(state) {
        this.state = { reason: "", retryInMs: null, bufferedMs: 0, ...state };
        this.dispatchEvent(new CustomEvent("state", { detail: this.state }));
    }

    /** The server says this. */
    say(message) {
        const { session, resume_token: token } = message;
        if (token) this.resume = { session, token };
        this.dispatchEvent(new CustomEvent("message", { detail: message }));
        const type = message.type.replace("session.", "");
        this.dispatchEvent(new CustomEvent(type, { detail: message }));
    }
}
