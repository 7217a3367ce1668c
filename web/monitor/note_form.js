/** A button that opens a small form with which a teacher leaves a note at a sentence. */
import { el, icon, setText } from "../shared/dom.js";
import { problemText } from "./problem.js";

/** The server's bound for a note, in bytes of UTF-8. */
export const NOTE_BYTES_MAX = 2000;

let serial = 0;

export class NoteForm {
    #i18n;
    #onSend;
    #button;
    #form = null;

    /** @param {(note: string) => Promise<void>} onSend rejects with an Error that says why not */
    constructor(i18n, onSend) {
        this.#i18n = i18n;
        this.#onSend = onSend;
        const label = i18n.t("flag.button");
        this.#button = el("button", {
            class: "button button-quiet button-icon flag", type: "button", "aria-label": label,
            title: label, "aria-expanded": "false", "data-test": "flag",
            on: { click: () => this.#toggle() },
        }, icon("flag"));
        this.root = el("div", { class: "note" }, this.#button);
    }

    #toggle() {
        if (this.#form) this.#close();
        else this.#open();
    }

    #open() {
        const id = `note-${++serial}`;
        const input = el("textarea", { id, class: "input", rows: 2, "data-test": "note-text" });
        const said = el("p", { class: "note-said", role: "status" });
        this.#form = el("form", { class: "note-form", on: {
            submit: (event) => this.#submit(event, input, said),
            keydown: (event) => this.#onKey(event),
        } },
            el("label", { for: id, text: this.#i18n.t("flag.label") }), input,
            el("div", { class: "note-buttons" },
               el("button", { class: "button button-main", text: this.#i18n.t("flag.send") }),
               el("button", { class: "button", type: "button", text: this.#i18n.t("cancel"),
                              on: { click: () => this.#close() } })), said);
        this.#button.setAttribute("aria-expanded", "true");
        this.root.append(this.#form);
        input.focus();
    }

    #close() {
        const had = this.#form.contains(document.activeElement);
        this.#form.remove();
        this.#form = null;
        this.#button.setAttribute("aria-expanded", "false");
        if (had) this.#button.focus();
    }

    #onKey(event) {
        if (event.key === "Escape") {
            event.stopPropagation();
            this.#close();
        } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            this.#form.requestSubmit();
        }
    }

    async #submit(event, input, said) {
        event.preventDefault();
        const note = input.value.trim();
        const over = new TextEncoder().encode(note).length - NOTE_BYTES_MAX;
        if (note === "") return input.focus();
        if (over > 0) return setText(said, this.#i18n.t("flag.long", { n: over }));
        setText(said, this.#i18n.t("flag.sending"));
        input.readOnly = true;
        try {
            await this.#onSend(note);
            if (this.#form?.contains(input)) this.#close();
        } catch (error) {
            input.readOnly = false;
            const message = problemText(this.#i18n, error);
            setText(said, this.#i18n.t("flag.failed", { message }));
        }
    }
}
