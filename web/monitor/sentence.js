/**
 * A sentence of the opened session: when it was said, with its corrections, translations and notes,
 * and the way to leave a note. What is being typed stays when the sentence is drawn anew.
 */
import { editParts } from "../client/edits.js";
import { el, icon } from "../shared/dom.js";
import { directionOf, shortLanguageName } from "../shared/languages.js";
import { NoteForm } from "./note_form.js";

/** @returns {string} such as 4:07 or 1:02:09 */
export function audioTime(ms) {
    const s = Math.floor(ms / 1000);
    const two = (value) => String(value).padStart(2, "0");
    const hours = Math.floor(s / 3600);
    const minutes = Math.floor(s / 60) % 60;
    return hours > 0 ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}

/** A text with what was wrong struck out and what is right beside it. */
export function correctedText(text, edits) {
    const nodes = editParts(text, edits).flatMap((part) => {
        if (part.edit === null) return [part.text];
        const marks = [];
        if (part.text !== "") marks.push(el("del", { text: part.text }));
        if (part.edit.to) marks.push(el("ins", { text: part.edit.to }));
        return marks.length === 2 ? [marks[0], " ", marks[1]] : marks;
    });
    return nodes;
}

/** @returns {[string, *][]} what there is by language, in the order of `targets` */
export function inOrder(translations, targets) {
    const place = (lang) => (targets.indexOf(lang) + 1 || targets.length + 1);
    return Object.entries(translations).sort(([a], [b]) => place(a) - place(b));
}

/**
 * A line for each translation, named where it is not the learner's only language.
 * @param {object} i18n
 * @param {Object<string, *>} translations by language
 * @param {string[]} targets languages, in the learner's order
 * @param {(translation: *) => string|Node} content of one of them
 * @returns {HTMLElement[]}
 */
export function translationLines(i18n, translations, targets, content) {
    const lines = inOrder(translations, targets);
    const plain = lines.length === 1 && targets.length === 1 && lines[0][0] === targets[0];
    return lines.map(([lang, translation]) => {
        const line = content(translation);
        const name = plain ? [] : [el("span", {
            class: "language", text: shortLanguageName(lang, i18n.language),
        })];
        return el("div", { class: "sentence-translation" }, ...name,
            typeof line === "string" ? el("p", { ...written(lang), text: line }) : line);
    });
}

export class Sentence {
    #i18n;
    #targets;
    #body = el("div", { class: "sentence-body" });
    #form;

    /**
     * @param {object} i18n
     * @param {object} segment of a Transcript
     * @param {string[]} targets languages, in the learner's order
     * @param {(note: string) => Promise<void>} onFlag
     */
    constructor(i18n, segment, targets, onFlag) {
        this.#i18n = i18n;
        this.#targets = targets;
        this.#form = new NoteForm(i18n, onFlag);
        this.root = el("li", { class: "sentence", "data-test": "sentence" },
            this.#body, this.#form.root);
        this.draw(segment);
    }

    draw(segment) {
        const time = audioTime(segment.start_ms);
        const spoken = segment.committed + segment.tentative;
        const line = el("p", { class: "sentence-text", ...written(segment.language) },
            ...correctedText(spoken, segment.edits));
        this.#body.replaceChildren(
            el("span", { class: "sentence-time", text: time }),
            el("div", { class: "sentence-lines" }, line, ...this.#translations(segment),
               ...this.#reasons(segment), ...this.#notes(segment)));
    }

    #translations({ translations }) {
        return translationLines(this.#i18n, translations, this.#targets, (translation) => {
            const text = translation.committed + translation.tentative;
            if (text !== "" || !translation.failed) return text;
            return el("p", { class: "sentence-failed",
                             text: this.#i18n.t(`failed.${translation.failed}`) });
        });
    }

    #reasons({ edits }) {
        const said = edits.filter((edit) => edit?.message);
        if (said.length === 0) return [];
        return [el("ul", { class: "sentence-reasons" }, ...said.map((edit) =>
            el("li", {}, el("span", { class: "chip", text: this.#i18n.t(`kind.${edit.kind}`) }),
               " ", el("bdi", { text: edit.message }))))];
    }

    #notes({ notes }) {
        return notes.map(({ note, by }) =>
            el("p", { class: "sentence-note", "data-test": "note" }, icon("flag"),
               el("span", { class: "visually-hidden", text: this.#i18n.t("sentence.note") }),
               el("bdi", { text: note }),
               by ? el("span", { class: "muted", text: ` – ${by}` }) : ""));
    }
}

const written = (lang) => ({ lang: lang || null, dir: directionOf(lang) });
