/**
 * Words that grow on the page: a line of spans, of which only those are touched that changed.
 */
import { el } from "../shared/dom.js";

/** @returns {string[]} words with the space before them, as a tentative one comes */
export function splitWords(text) {
    return text.match(/\s*\S+|\s+$/gu) ?? [];
}

/**
 * Shows `committed` and right behind it `tentative`.
 * @param {HTMLElement} line which holds nothing but our spans
 * @returns {number} how many spans were touched
 */
export function drawWords(line, committed, tentative) {
    const solid = splitWords(committed);
    const words = tentative ? [...solid, ...splitWords(tentative)] : solid;
    let touched = 0;
    words.forEach((word, i) => {
        touched += drawWord(line, i, word, i >= solid.length);
    });
    while (line.childNodes.length > words.length) {
        line.lastChild.remove();
        touched++;
    }
    return touched;
}

function drawWord(line, i, word, isTentative) {
    const name = isTentative ? "tentative" : "committed";
    const span = line.childNodes[i];
    if (!span) {
        line.append(el("span", { class: name, text: word }));
        return 1;
    }
    if (span.textContent === word && span.className === name) return 0;
    if (span.textContent !== word) span.textContent = word;
    if (span.className !== name) span.className = name;
    return 1;
}
