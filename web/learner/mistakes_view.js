/**
 * The list of today's mistakes: a panel beside the captions, a sheet over them on a phone.
 */
import { FrameDraw, byId, el, setText } from "../shared/dom.js";
import { directionOf } from "../shared/languages.js";

export class MistakesView {
    #i18n;
    #mistakes;
    #onFind;
    #panel = byId("mistakes");
    #list = byId("mistakes-list");
    #button = byId("mistakes-button");
    #drawing = new FrameDraw(() => this.#draw());

    /**
     * @param {import("../shared/i18n.js").I18n} i18n
     * @param {import("./mistakes.js").Mistakes} mistakes
     * @param {(place: string) => void} onFind somebody wants to see the sentence
     */
    constructor(i18n, mistakes, onFind) {
        this.#i18n = i18n;
        this.#mistakes = mistakes;
        this.#onFind = onFind;
        this.#button.addEventListener("click", () => this.toggle());
        byId("mistakes-close").addEventListener("click", () => this.toggle(false));
        byId("mistakes-clear").addEventListener("click", () => {
            mistakes.clear();
            byId("mistakes-title").focus();
        });
        this.#panel.addEventListener("keydown", (event) => {
            if (event.key === "Escape") this.toggle(false);
        });
        mistakes.addEventListener("change", () => this.#drawing.ask());
        i18n.addEventListener("change", () => this.#drawing.ask());
        this.#draw();
    }

    /** @param {boolean} [open] the other way round when absent */
    toggle(open = this.#panel.hidden) {
        if (open === !this.#panel.hidden) return;
        this.#panel.hidden = !open;
        this.#button.setAttribute("aria-expanded", String(open));
        if (open) {
            this.#draw();
            byId("mistakes-title").focus();
        } else {
            this.#button.focus();
        }
    }

    #draw() {
        const { count } = this.#mistakes;
        const badge = byId("mistakes-count");
        setText(badge, count > 99 ? "99+" : String(count));
        badge.hidden = count === 0;
        byId("mistakes-empty").hidden = count > 0;
        byId("mistakes-clear").hidden = count === 0;
        if (this.#panel.hidden) return;
        this.#list.replaceChildren(...this.#mistakes.list.map((slip) => this.#row(slip)));
    }

    #row(slip) {
        const kind = this.#i18n.has(`kind.${slip.kind}`) ? `kind.${slip.kind}` : "kind.other";
        const again = this.#i18n.t("mistakes.times", { n: slip.times });
        const times = slip.times > 1 ? ` · ${again}` : "";
        const text = el("span", { class: "mistake-text", lang: slip.lang || null,
            dir: directionOf(slip.lang) }, slip.before);
        if (slip.from) text.append(el("del", { text: slip.from }), slip.to ? " " : "");
        if (slip.to) text.append(el("ins", { text: slip.to }));
        if (!slip.from && !/^\s|^$/u.test(slip.after)) text.append(" ");
        text.append(slip.after);
        return el("li", {}, el("button", {
            type: "button",
            class: "mistake",
            data: { test: "mistake" },
            on: { click: () => this.#onFind(slip.place) },
        },
        el("span", { class: "mistake-kind", text: this.#i18n.t(kind) + times }),
        text,
        el("span", { class: "mistake-why", dir: "auto", text: slip.message || "" })));
    }
}
