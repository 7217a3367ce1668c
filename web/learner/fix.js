/**
 * The correction of a word, beside it: on hover, on focus, on a tap, by Enter and Space; Escape
 * puts it away.
 */
import { el } from "../shared/dom.js";
import { directionOf } from "../shared/languages.js";
import { editOfMark } from "./caption.js";

const MARGIN_PX = 12;
const GAP_PX = 8;

export class FixTip {
    #i18n;
    #tip;
    #mark = null;
    /** It was tapped or chosen by key: it stays when the pointer leaves. */
    #pinned = false;

    /**
     * @param {import("../shared/i18n.js").I18n} i18n
     * @param {HTMLElement} tip
     * @param {HTMLElement} list whose marks it explains
     */
    constructor(i18n, tip, list) {
        this.#i18n = i18n;
        this.#tip = tip;
        const mark = (event) => event.target.closest?.(".edit") ?? null;
        list.addEventListener("pointerover", (event) => {
            if (event.pointerType === "mouse" && mark(event) && !this.#pinned)
                this.#show(mark(event));
        });
        list.addEventListener("pointerout", (event) => {
            if (event.pointerType === "mouse" && !this.#pinned) this.#leave(event.relatedTarget);
        });
        tip.addEventListener("pointerleave", (event) => {
            if (event.pointerType === "mouse" && !this.#pinned) this.#leave(event.relatedTarget);
        });
        list.addEventListener("focusin", (event) => {
            if (mark(event)?.matches(":focus-visible")) this.#show(mark(event));
        });
        list.addEventListener("focusout", () => this.hide());
        list.addEventListener("keydown", (event) => {
            if (!mark(event) || (event.key !== "Enter" && event.key !== " ")) return;
            event.preventDefault();
            this.#toggle(mark(event));
        });
        document.addEventListener("click", (event) => this.#onClick(mark(event), event.target));
        document.addEventListener("keydown", (event) => event.key === "Escape" && this.hide());
        document.addEventListener("scroll", () => this.#follow(), { capture: true, passive: true });
        addEventListener("resize", () => this.hide());
    }

    /** Captions move on while somebody reads why: the tip stays with its word. */
    #follow() {
        if (!this.#mark) return;
        if (!this.#mark.isConnected) {
            this.hide(); // its sentence was drawn anew, or is gone
            return;
        }
        const word = this.#mark.getBoundingClientRect();
        const seen = this.#mark.closest("section").getBoundingClientRect();
        if (word.bottom < seen.top || word.top > seen.bottom) this.hide();
        else this.#place(this.#mark);
    }

    hide() {
        if (!this.#mark) return;
        this.#mark.setAttribute("aria-expanded", "false");
        this.#mark.removeAttribute("aria-describedby");
        this.#mark = null;
        this.#pinned = false;
        this.#tip.hidden = true;
    }

    #onClick(mark, target) {
        if (mark) this.#toggle(mark);
        else if (!this.#tip.contains(target)) this.hide();
    }

    #toggle(mark) {
        if (this.#mark === mark && this.#pinned) {
            this.hide();
            return;
        }
        this.#show(mark);
        this.#pinned = true;
    }

    #leave(to) {
        if (to && (this.#tip.contains(to) || this.#mark?.contains(to))) return;
        if (document.activeElement !== this.#mark) this.hide();
    }

    #show(mark) {
        if (this.#mark === mark) return;
        this.hide();
        const edit = editOfMark(mark);
        if (!edit) return;
        this.#mark = mark;
        this.#tip.replaceChildren(...fixContent(this.#i18n, edit, mark.closest("[lang]").lang));
        mark.setAttribute("aria-expanded", "true");
        mark.setAttribute("aria-describedby", this.#tip.id);
        this.#tip.hidden = false;
        this.#place(mark);
    }

    /** Under the word; above it where there is no room; within the window. */
    #place(mark) {
        const word = mark.getClientRects()[0] ?? mark.getBoundingClientRect();
        const tip = this.#tip.getBoundingClientRect();
        const middle = word.left + (word.width - tip.width) / 2;
        const left = Math.max(MARGIN_PX, Math.min(middle, innerWidth - tip.width - MARGIN_PX));
        const below = word.bottom + GAP_PX;
        const fits = below + tip.height + MARGIN_PX <= innerHeight;
        const top = fits ? below : word.top - tip.height - GAP_PX;
        this.#tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
    }
}

/** @returns {HTMLElement[]} kind, change and reason of a correction */
export function fixContent(i18n, edit, lang) {
    const kind = i18n.has(`kind.${edit.kind}`) ? `kind.${edit.kind}` : "kind.other";
    const change = el("p", { class: "fix-change", lang, dir: directionOf(lang) });
    if (edit.from) change.append(el("del", { text: edit.from }), " ");
    change.append(el("ins", { text: edit.to || `(${i18n.t("edit.nothing")})` }));
    return [
        el("p", { class: "fix-kind", text: i18n.t(kind) }),
        change,
        el("p", { class: "fix-why", dir: "auto", text: edit.message || "" }),
    ];
}
