/**
 * How the page stands with the server, and the way in where a token is needed.
 *
 * Event: "signin", somebody has given a token, which is about to be used.
 */
import { emit } from "../client/emit.js";
import { byId, setText } from "../shared/dom.js";
import { getToken, setToken, tokenClaims } from "../shared/token.js";

/** How often, at most, a screen reader is told how many there are. */
const ANNOUNCE_MS = 15000;

export class Status extends EventTarget {
    #i18n;
    #feed;
    #tried = false;
    #timer = 0;
    #said = "";
    #lostAt = null;
    #ends = [];

    constructor({ feed, i18n }) {
        super();
        this.#feed = feed;
        this.#i18n = i18n;
        this.#on(feed, "state", (event) => this.#draw(event.detail));
        if (feed.state) this.#draw(feed.state);
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
        const before = root.dataset.state;
        if (state === "connecting" && before === "reconnecting") return;
        root.dataset.state = state;
        if (before === "live") this.#lostAt = new Date();
        const signIn = state === "unauthorized";
        byId("signin").hidden = !signIn;
        byId("page").hidden = signIn;
        byId("retry").hidden = state !== "refused";
        if (signIn) return this.#askToken();
        const never = state === "reconnecting" && this.#lostAt === null;
        const at = this.#lostAt?.toLocaleTimeString(this.#i18n.language);
        const key = never ? "state.unreachable" : `state.${state}`;
        setText(byId("state"), this.#i18n.t(key, { at, message }));
    }

    #askToken() {
        const wrong = this.#tried || getToken() !== "";
        const learner = tokenClaims(getToken()).role === "learner";
        setToken("");
        const key = learner ? "signin.learner" : "signin.wrong";
        setText(byId("signin-said"), wrong ? this.#i18n.t(key) : "");
        byId("signin-token").focus();
    }

    #signIn(event) {
        event.preventDefault();
        const field = byId("signin-token");
        if (setToken(field.value) === "") return field.focus();
        field.value = "";
        this.#tried = true;
        emit(this, "signin");
        this.#feed.start();
    }
}
