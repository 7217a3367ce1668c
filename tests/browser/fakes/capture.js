/** In place of the page's microphone: a test says what it does. See fakes/server.mjs. */
export class Capture extends EventTarget {
    constructor() {
        super();
        this.state = { state: "closed", reason: "", label: "" };
        this.calls = [];
        window.fakeCapture = this;
    }

    async open(options = {}) {
        this.calls.push(["open", options]);
        this.be({ state: "opening" });
    }

    async resume() {
        this.calls.push(["resume"]);
    }

    async close() {
        this.be({ state: "closed" });
    }

    be(state) {
        this.state = { reason: "", label: "", ...state };
        this.dispatchEvent(new CustomEvent("state", { detail: this.state }));
    }

    level(speaking, peak = 0.3) {
        this.dispatchEvent(new CustomEvent("level", { detail: { rms: peak / 3, peak, speaking } }));
    }

    static async devices() {
        return [{ deviceId: "headset", label: "Headset" }];
    }
}
