/**
 * Corrections laid over a sentence.
 */

function fits(edit, points, from) {
    const { start, end } = edit;
    return (
        Number.isInteger(start) &&
        Number.isInteger(end) &&
        start >= from &&
        end >= start &&
        end <= points.length &&
        points.slice(start, end).join("") === (edit.from ?? "")
    );
}

/**
 * Cuts a text at its corrections. An edit that does not fit the text (its `from` does not stand
 * there, as when it was made of an older revision, or it overlaps one before it) is left out.
 * @param {string} text committed, or committed + tentative
 * @param {import("./transcript.js").Edit[]} edits
 * @returns {{text: string, edit: object|null}[]} in order; together they are the text. An edit that
 *     only inserts has a part with an empty text.
 */
export function editParts(text, edits) {
    const points = Array.from(text);
    const parts = [];
    let from = 0;
    const keep = (to) => {
        if (to > from) {
            parts.push({ text: points.slice(from, to).join(""), edit: null });
        }
    };
    for (const edit of [...edits].sort((a, b) => a.start - b.start)) {
        if (fits(edit, points, from)) {
            keep(edit.start);
            parts.push({ text: points.slice(edit.start, edit.end).join(""), edit });
            from = edit.end;
        }
    }
    keep(points.length);
    return parts;
}
