/**
 * Corrections laid over a sentence.
 */

/**
 * Cuts a text at its corrections. An edit that does not fit the text (its `from` does not stand
 * there, as when it was made of an older revision, or it overlaps one before it) is left out.
 * @param {string} text committed, or committed + tentative
 * @param {import("./transcript.js").Edit[]} edits
 * @returns {{text: string, edit: object|null}[]} in order; together they are the text. An edit that
 *     only inserts has a part with an empty text.
 */
export function editParts(text, edits) {
    throw new Error("not yet");
}
