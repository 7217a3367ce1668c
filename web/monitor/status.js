/** How the page stands with the server, and the way in where a token is needed. */
import { byId, setText } from "/web/shared/dom.js";
import { getToken, setToken } from "/web/shared/token.js";

/** How often, at most, a screen reader is told how many there are. */
const ANNOUNCE_MS = 15000;

export class Status {
    #i18n;
    #feed;
    #tried = false;
    #timer = 0;
    #said = "";
    #ends = [];

    constructor({ feed, i18n }) {
        this.#feed = feed;
        this.#i18n = i18n;
        this.#on(feed, "state", (event) => this.#draw(event.detail));
        this.#on(byId("signin-form"), "submit", (event) => this.#signIn(event));
        this.#on(byId("retry"), "click", () => feed.start());
    }

    end() {
        clearTimeout(this.#timer);
        for (const end of this.#ends) end();
    }

    /** Tells a screen reader `text`, when nothing newer comes for a while. */
    announce(text) {
        this.#said = text;
        if (this.#timer !== 0) return;
        this.#timer = setTimeout(() => {
            this.#timer = 0;
            setText(byId("announce"), this.#said);
        }, ANNOUNCE_MS);
    }

    #on(target, type, listener) {
        target.addEventListener(type, listener);
        this.#ends.push(() => target.removeEventListener(type, listener));
    }

    #draw({ state, message = "" }) {
        const root = document.documentElement;
        const wasLive = root.dataset.state === "live";
        if (state === "connecting" && root.dataset.state === "reconnecting") return;
        root.dataset.state = state;
        const signIn = state === "unauthorized";
        byId("signin").hidden = !signIn;
        byId("page").hidden = signIn;
        byId("retry").hidden = state !== "refused";
        if (signIn) this.#askToken();
        else if (state === "reconnecting" && !wasLive && byId("state").dataset.at) {
            this.#write(state, message, byId("state").dataset.at);
        } else this.#write(state, message, this.#clock());
    }

    #write(state, message, at) {
        byId("state").dataset.at = at;
        setText(byId("state"), this.#i18n.t(`state.${state}`, { at, message }));
    }

    #clock() {
        return new Date().toLocaleTimeString(this.#i18n.language);
    }

    #askToken() {
        const wrong = this.#tried || getToken() !== "";
        setToken("");
        setText(byId("signin-said"), wrong ? this.#i18n.t("signin.wrong") : "");
        byId("signin-token").focus();
    }

    #signIn(event) {
        event.preventDefault();
        const field = byId("signin-token");
        if (setToken(field.value) === "") return field.focus();
        field.value = "";
        this.#tried = true;
        this.#feed.start();
    }
}
