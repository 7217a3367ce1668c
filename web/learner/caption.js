/**
 * One sentence on the page: as spoken, its translations, corrections and a teacher's notes.
 */
import { editParts } from "../client/edits.js";
import { el, setAttribute, setText } from "../shared/dom.js";
import { directionOf, shortLanguageName } from "../shared/languages.js";
import { drawWords } from "./words.js";

/** The corrections that marks on the page stand for. */
const editOf = new WeakMap();

/** @returns {import("../client/transcript.js").Edit|undefined} */
export function editOfMark(mark) {
    return editOf.get(mark);
}

export class Caption {
    #i18n;
    #source;
    #said;
    #translations;
    #notes;
    #lines = new Map();
    #expected = new Set();
    #marked = "";
    #open = true;

    /**
     * @param {import("../shared/i18n.js").I18n} i18n
     * @param {string} source language spoken, until the server says which it heard
     */
    constructor(i18n, source) {
        this.#i18n = i18n;
        this.#source = source;
        this.#said = el("p", { class: "said", data: { test: "said" } });
        this.#translations = el("div", { class: "translations" });
        this.#notes = el("div", { class: "notes", hidden: true });
        this.node = el("li", { class: "segment is-open", data: { test: "segment" } },
            this.#said, this.#translations, this.#notes);
    }

    /** It is no longer the newest: its reserved lines are given back. */
    settle() {
        if (!this.#open) return;
        this.#open = false;
        this.node.classList.remove("is-open");
        this.release();
    }

    /** Gives back lines that were reserved for another width or size. */
    release() {
        for (const line of this.#allLines()) line.style.minHeight = "";
    }

    /**
     * @param {import("../client/transcript.js").Segment} segment
     * @param {string[]} targets languages that a translation is expected in
     */
    draw(segment, targets) {
        if (this.#open) this.#reserve();
        this.#drawSaid(segment);
        if (!segment.final) this.#expected = new Set(targets);
        this.#drawTranslations(segment, targets);
        if (segment.notes.length !== this.#notes.children.length) this.#drawNotes(segment.notes);
        this.node.classList.toggle("is-settled", !this.#open && this.#isComplete(segment));
    }

    /** In other words: the interface has another language. */
    translate(segment, targets) {
        this.#marked = "";
        for (const slot of this.#lines.values()) slot.node.remove();
        this.#lines.clear();
        this.#notes.replaceChildren();
        this.draw(segment, targets);
    }

    /** A mark of a correction, the first of the sentence. */
    firstMark() {
        return this.#said.querySelector(".edit");
    }

    #allLines() {
        return [this.#said, ...[...this.#lines.values()].map((slot) => slot.line)];
    }

    /* Read before anything is written in this frame: the layout is clean and costs nothing. */
    #reserve() {
        const heights = this.#allLines().map((line) => line.offsetHeight);
        this.#allLines().forEach((line, i) => {
            if (heights[i] > (parseFloat(line.style.minHeight) || 0))
                line.style.minHeight = `${heights[i]}px`;
        });
    }

    #isComplete(segment) {
        return segment.final && [...this.#lines.keys()].every((lang) =>
            segment.translations[lang]?.final);
    }

    #drawSaid(segment) {
        const language = segment.language || this.#source;
        setAttribute(this.#said, "lang", language);
        setAttribute(this.#said, "dir", directionOf(language));
        const edits = segment.final ? segment.edits : [];
        const marked = edits.length ? JSON.stringify([segment.committed, edits]) : "";
        if (marked && marked === this.#marked) return;
        if (!marked && !this.#marked) {
            drawWords(this.#said, segment.committed, segment.tentative);
            return;
        }
        this.#marked = marked;
        const parts = editParts(segment.committed, edits);
        this.#said.replaceChildren(...parts.map((part) => this.#part(part)));
    }

    #part({ text, edit }) {
        if (!edit) return el("span", { class: "committed", text });
        const key = !edit.from ? "edit.insert" : edit.to ? "edit.label" : "edit.remove";
        const mark = el("span", {
            "class": text ? "edit" : "edit edit-gap",
            "role": "button",
            "tabindex": "0",
            "aria-label": this.#i18n.t(key, { from: edit.from, to: edit.to }),
            "aria-expanded": "false",
            "data": { test: "edit" },
            text,
        });
        editOf.set(mark, edit);
        return mark;
    }

    #drawTranslations(segment, targets) {
        const wanted = targets.filter((lang) => this.#expected.has(lang));
        const langs = [...new Set([...wanted, ...Object.keys(segment.translations)])];
        for (const [lang, slot] of this.#lines) {
            if (langs.includes(lang)) continue;
            slot.node.remove();
            this.#lines.delete(lang);
        }
        langs.forEach((lang, i) => {
            const slot = this.#slot(lang);
            const there = this.#translations.children[i];
            if (there !== slot.node) this.#translations.insertBefore(slot.node, there ?? null);
            this.#drawTranslation(slot, segment.translations[lang]);
        });
        this.#translations.hidden = langs.length === 0;
    }

    #slot(lang) {
        const known = this.#lines.get(lang);
        if (known) return known;
        const name = shortLanguageName(lang, this.#i18n.language);
        const line = el("p", { class: "translated", lang, dir: directionOf(lang) });
        const node = el("div", { class: "translation", data: { lang, test: "translation" } },
            el("span", { class: "translation-name", text: name }), line);
        const slot = { node, line, failed: null };
        this.#lines.set(lang, slot);
        return slot;
    }

    #drawTranslation(slot, translation) {
        drawWords(slot.line, translation?.committed ?? "", translation?.tentative ?? "");
        const failed = translation?.failed ?? "";
        if (!failed) return;
        setAttribute(slot.node, "data-failed", failed);
        if (!slot.failed) {
            slot.failed = el("p", { class: "translation-failed" });
            slot.node.append(slot.failed);
        }
        const key = `failed.${failed}`;
        setText(slot.failed, this.#i18n.t(this.#i18n.has(key) ? key : "failed"));
    }

    #drawNotes(notes) {
        this.#notes.replaceChildren(...notes.map(({ note, by }) =>
            el("p", { class: "note", dir: "auto", data: { test: "note" } },
                el("span", { class: "note-by", text: by || this.#i18n.t("teacher") }), note)));
        this.#notes.hidden = notes.length === 0;
    }
}
