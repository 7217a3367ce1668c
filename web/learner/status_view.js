/**
 * How it stands, on the page: the line under the captions, notices above it, what to do.
 */
import { byId, el, setAttribute, setText } from "../shared/dom.js";

/** What the server names, in the order of how much it matters. */
const DEGRADED = ["speech", "storage", "translation", "grammar", "partial_translation",
    "partial_grammar"];
const NOTICE_MS = 12000;

export class StatusView {
    #i18n;
    #announcer;
    #action = "";
    #notices = [];
    #drawn = "";

    /**
     * @param {import("../shared/i18n.js").I18n} i18n
     * @param {import("./announcer.js").Announcer} announcer
     * @param {(action: string) => void} onAction the button of what to do
     */
    constructor(i18n, announcer, onAction) {
        this.#i18n = i18n;
        this.#announcer = announcer;
        byId("help-button").addEventListener("click", () => onAction(this.#action));
    }

    /** Something to know for a while; what is said anew takes the place of what was. */
    notice(key, values) {
        const notice = { key, values };
        this.#notices = this.#notices.filter((other) => other.key !== key);
        this.#notices.push(notice);
        setTimeout(() => {
            this.#notices = this.#notices.filter((other) => other !== notice);
            this.#drawNotices(this.#shown);
        }, NOTICE_MS);
    }

    #shown = { degraded: new Set(), goaway: false };

    /**
     * @param {import("./status.js").Status} status
     * @param {{degraded: Set<string>, goaway: boolean, running: boolean, latencyMs: number|null}}
     *     beside
     */
    draw(status, beside) {
        const root = document.documentElement;
        root.dataset.state = status.state;
        root.dataset.tone = status.tone;
        root.toggleAttribute("data-running", beside.running);
        setText(byId("status-title"), this.#words(status.title));
        setText(byId("status-detail"), this.#words(status.detail));
        setText(byId("speak-label"), this.#i18n.t(beside.running ? "speak.stop" : "speak.start"));
        this.#drawLatency(beside.latencyMs);
        this.#drawHelp(status.help);
        this.#shown = beside;
        this.#drawNotices(beside);
        this.#announce(status);
    }

    #words(words) {
        return words ? this.#i18n.t(...words) : "";
    }

    /** In the tab's title, and for screen readers; hearing somebody or not is for the eye. */
    #announce(status) {
        const heard = status.state === "hearing" || status.state === "listening";
        const text = heard ? this.#i18n.t("state.listening") : this.#words(status.title);
        const title = status.state === "idle" ? "sotto" : `${text} · sotto`;
        if (document.title !== title) document.title = title;
        const help = status.help ? `. ${this.#words(status.help.text)}` : "";
        this.#announcer.status(text + help);
    }

    #drawLatency(ms) {
        const node = byId("latency");
        const seconds = ms === null ? "" : this.#i18n.number(ms / 1000, {
            minimumFractionDigits: 1,
            maximumFractionDigits: 1,
        });
        setText(node, seconds && this.#i18n.t("latency", { seconds }));
        setAttribute(node, "title", seconds && this.#i18n.t("latency.title", { seconds }));
    }

    #drawHelp(help) {
        byId("help").hidden = !help;
        this.#action = help?.action ?? "";
        if (!help) return;
        const [key, values] = help.text;
        setText(byId("help-title"), this.#i18n.t(help.title));
        const known = this.#i18n.has(key) ? key : "help.failed.text";
        setText(byId("help-text"), this.#i18n.t(known, values));
        setText(byId("help-button"), this.#i18n.t(help.button));
    }

    /** Drawn anew only when they are others: somebody may be reading them. */
    #drawNotices({ degraded, goaway }) {
        const known = DEGRADED.filter((what) => degraded.has(what)).slice(0, 2);
        const other = degraded.size > 0 && known.length === 0 ? ["other"] : [];
        const lines = [
            ...(goaway ? [["calm", this.#i18n.t("notice.goaway")]] : []),
            ...[...known, ...other].map((what) => ["warn", this.#i18n.t(`what.${what}`)]),
            ...this.#notices.slice(-2).map((notice) =>
                ["warn", this.#i18n.t(notice.key, notice.values)]),
        ];
        const drawn = JSON.stringify(lines);
        if (drawn === this.#drawn) return;
        this.#drawn = drawn;
        byId("notices").replaceChildren(...lines.map(([tone, text]) =>
            el("p", { class: "notice", data: { tone, test: "notice" }, role: "status", text })));
    }
}
