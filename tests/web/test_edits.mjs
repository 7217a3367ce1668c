import assert from "node:assert/strict";
import test from "node:test";
import { editParts } from "../../web/client/edits.js";

const shown = (text, edits) => editParts(text, edits).map(({ text, edit }) => (edit ? [text, edit.to] : text));

test("a sentence without mistakes is one part", () => {
    assert.deepEqual(shown("She has cats.", []), ["She has cats."]);
    assert.deepEqual(shown("", []), []);
});

test("parts are what stands between and in the edits, in order", () => {
    const edits = [
        { start: 10, end: 13, from: "cat", to: "cats" },
        { start: 4, end: 8, from: "have", to: "has" },
    ];
    assert.deepEqual(shown("She have 3cat", edits), ["She ", ["have", "has"], " 3", ["cat", "cats"]]);
});

test("positions are code points, not UTF-16 units", () => {
    const text = "😀👩‍🎓 She have";
    const start = Array.from(text).length - 4;
    const parts = editParts(text, [{ start, end: start + 4, from: "have", to: "has" }]);
    assert.deepEqual(parts.map((part) => part.text), ["😀👩‍🎓 She ", "have"]);
    assert.equal(parts.map((part) => part.text).join(""), text);
});

test("an insertion has an empty part, deletion and both ends work", () => {
    const edits = [
        { start: 0, end: 2, from: "So", to: "" },
        { start: 6, end: 6, from: "", to: "the " },
        { start: 6, end: 9, from: "end", to: "finish" },
    ];
    assert.deepEqual(shown("So at end", edits), [["So", ""], " at ", ["", "the "], ["end", "finish"]]);
});

test("what does not fit is left out and harms nothing else", () => {
    const good = { start: 4, end: 8, from: "have", to: "has" };
    for (const bad of [
        { start: 0, end: 3, from: "He", to: "x" },
        { start: 6, end: 9, from: "ve ", to: "overlaps" },
        { start: 8, end: 99, from: "", to: "x" },
        { start: 3, end: 2, from: "", to: "x" },
        { start: -1, end: 0, from: "", to: "x" },
        { start: 0.5, end: 1, from: "S", to: "x" },
        { from: "She", to: "x" },
        { start: 0, end: 3, to: "x" },
    ]) {
        assert.deepEqual(shown("She have it", [bad, good]), ["She ", ["have", "has"], " it"]);
    }
});
