import assert from "node:assert/strict";
import test from "node:test";
import { Transcript } from "../../web/client/transcript.js";
import { random } from "./clock.mjs";

function watched(options) {
    const transcript = new Transcript(options);
    const changes = [];
    transcript.addEventListener("change", ({ detail }) => changes.push(detail));
    return { transcript, changes };
}

const heard = (segment, rev, committed, more = {}) => ({
    type: "transcript", segment, rev, final: false, committed, tentative: "", start_ms: 0, end_ms: 100, ...more,
});
const translated = (segment, rev, committed, more = {}) => ({
    type: "translation", lang: "es", segment, rev, source_rev: 1, final: false, committed, tentative: "", ...more,
});
const corrected = (segment, rev, text, edits, more = {}) => ({
    type: "grammar", segment, rev, source_rev: 1, final: true, corrected: text, edits, ...more,
});
const FINAL = { final: true };
const shown = ({ committed, tentative }) => committed + tentative;

test("a segment grows and becomes final", () => {
    const { transcript, changes } = watched();
    assert.ok(transcript.apply(heard(1, 1, "", { tentative: "She" })));
    assert.ok(transcript.apply(heard(1, 2, "She", { tentative: " have" })));
    assert.equal(shown(transcript.get(1)), "She have");
    const words = [{ w: "She", start_ms: 0, end_ms: 50 }];
    assert.ok(transcript.apply(heard(1, 3, "She have.", { ...FINAL, words, language: "en-US" })));
    const segment = transcript.get(1);
    assert.ok(segment.final);
    assert.deepEqual([segment.committed, segment.tentative, segment.language], ["She have.", "", "en-US"]);
    assert.deepEqual(segment.words, words);
    assert.deepEqual(changes.map(({ change }) => change), ["added", "changed", "changed"]);
    assert.ok(changes.every((change) => change.segment === segment && change.what === "transcript"));
});

test("stale partials and whatever follows a final change nothing", () => {
    const { transcript, changes } = watched();
    transcript.apply(heard(1, 5, "new"));
    transcript.apply(translated(1, 2, "nuevo", FINAL));
    for (const stale of [heard(1, 4, "old"), heard(1, 5, "same rev"), translated(1, 3, "late"),
        translated(1, 4, "twice", FINAL), heard(1, undefined, "no rev")]) {
        assert.equal(transcript.apply(stale), false);
    }
    assert.equal(transcript.get(1).committed, "new");
    assert.equal(transcript.get(1).translations.es.committed, "nuevo");
    assert.equal(changes.length, 2);
});

test("languages are apart, even one with a name of the language", () => {
    const { transcript, changes } = watched();
    for (const lang of ["es", "fr", "__proto__", "constructor"]) {
        assert.ok(transcript.apply(translated(1, 1, lang, { lang })));
    }
    assert.deepEqual(Object.keys(transcript.get(1).translations), ["es", "fr", "__proto__", "constructor"]);
    assert.equal({}.committed, undefined);
    assert.deepEqual(changes.map(({ lang }) => lang), ["es", "fr", "__proto__", "constructor"]);
    assert.equal(transcript.apply(translated(1, 1, "none", { lang: "" })), false);
});

test("a final that failed keeps what was committed and tells why", () => {
    const { transcript } = watched();
    transcript.apply(translated(1, 1, "Tiene", { tentative: " tres" }));
    transcript.apply(translated(1, 2, "Tiene", { ...FINAL, failed: "deadline" }));
    assert.deepEqual({ ...transcript.get(1).translations.es },
        { rev: 2, final: true, committed: "Tiene", tentative: "", failed: "deadline" });
    transcript.apply(corrected(1, 1, undefined, undefined, { failed: "budget" }));
    const { grammarFailed, grammarFinal, edits } = transcript.get(1);
    assert.deepEqual([grammarFailed, grammarFinal, edits], ["budget", true, []]);
});

test("a splice is told", () => {
    const { transcript } = watched();
    transcript.apply(heard(1, 1, "She have"));
    transcript.apply(heard(1, 2, "She have three", { ...FINAL, spliced: true }));
    assert.equal(transcript.get(1).spliced, true);
});

test("corrections and notes find their segment, notes once", () => {
    const { transcript, changes } = watched();
    transcript.apply(heard(1, 1, "She have.", FINAL));
    const edits = [{ start: 4, end: 8, from: "have", to: "has", kind: "agreement", message: "why" }];
    transcript.apply(corrected(1, 1, "She has.", edits));
    assert.equal(transcript.get(1).corrected, "She has.");
    assert.deepEqual(transcript.get(1).edits, edits);
    const note = { type: "note", segment: 1, seq: 4, note: "Well said", by: "Ms Lima" };
    assert.ok(transcript.apply(note));
    assert.equal(transcript.apply(note), false);
    assert.deepEqual(transcript.get(1).notes, [{ note: "Well said", by: "Ms Lima", seq: 4 }]);
    assert.deepEqual(changes.map(({ what }) => what), ["transcript", "grammar", "note"]);
});

test("history that comes last and backwards lies in order", () => {
    const { transcript } = watched();
    for (const segment of [7, 9, 8, 3, 1, 2, 8]) {
        transcript.apply(heard(segment, 1, `${segment}`, FINAL));
    }
    assert.deepEqual(transcript.segments.map(({ committed }) => committed), ["1", "2", "3", "7", "8", "9"]);
});

test("a new epoch voids what was not final from the open segment on", () => {
    const { transcript, changes } = watched();
    const started = (epoch, open_segment) => ({ type: "session.started", session: "s", epoch, open_segment });
    assert.equal(transcript.apply(started(1, 1)), false);
    transcript.apply(heard(1, 1, "before", FINAL));
    transcript.apply(translated(1, 4, "owed"));
    transcript.apply(heard(2, 8, "open"));
    transcript.apply(translated(2, 9, "abierto"));
    transcript.apply(heard(3, 2, "said", FINAL));
    transcript.apply(translated(3, 2, "dicho"));
    transcript.apply({ ...corrected(3, 1, "said", []), final: false });
    assert.equal(transcript.apply(started(1, 2)), false, "the same epoch changes nothing");
    changes.length = 0;
    assert.ok(transcript.apply(started(2, 2)));
    assert.deepEqual(transcript.segments.map(({ segment }) => segment), [1, 3]);
    assert.equal(transcript.get(1).translations.es.committed, "owed");
    assert.equal(transcript.get(2), undefined);
    assert.deepEqual(Object.keys(transcript.get(3).translations), []);
    assert.equal(transcript.get(3).grammarRev, 0);
    const told = changes.map(({ change, segment, what }) => [change, segment.segment, what]);
    assert.deepEqual(told, [["removed", 2, "epoch"], ["changed", 3, "epoch"]]);
    assert.ok(transcript.apply(heard(2, 1, "anew")), "revisions start anew");
    assert.equal(transcript.get(2).committed, "anew");
});

test("messages of other kinds and broken ones are ignored", () => {
    const { transcript, changes } = watched();
    for (const message of [{ type: "audio.ack", audio_samples: 3 }, { type: "transcript" }, heard(0, 1, "x"),
        heard(1.5, 1, "x"), heard("1", 1, "x"), { type: "__proto__", segment: 1 }, { segment: 1 }]) {
        assert.equal(transcript.apply(message), false);
    }
    transcript.apply({ type: "transcript", segment: 1, rev: 1, committed: 7, tentative: null, words: "no" });
    const { committed, tentative, words } = transcript.get(1);
    assert.deepEqual([committed, tentative, words], ["", "", []]);
    assert.equal(changes.length, 1);
    const edits = [null, 3, "x", {}, { start: 0 }, { start: 0, end: 1, from: "x", to: null, message: {} }];
    transcript.apply({ type: "grammar", segment: 1, rev: 1, final: true, corrected: "y", edits });
    assert.deepEqual(transcript.get(1).edits, [{ start: 0, end: 1, from: "x", to: "", kind: "", message: "" }]);
});

test("the oldest segments go when there are too many", () => {
    const { transcript, changes } = watched({ segmentsMax: 3 });
    for (let i = 1; i <= 5; i++) {
        transcript.apply(heard(i, 1, "x", FINAL));
    }
    assert.deepEqual(transcript.segments.map(({ segment }) => segment), [3, 4, 5]);
    assert.deepEqual(changes.filter((c) => c.change === "removed").map((c) => c.segment.segment), [1, 2]);
});

test("partials in any order end in the same text (50 seeds)", () => {
    const messages = [];
    for (let rev = 1; rev <= 6; rev++) {
        const more = { final: rev === 6 };
        messages.push(heard(1, rev, `text ${rev}`, more), translated(1, rev, `texto ${rev}`, more));
    }
    for (let seed = 1; seed <= 50; seed++) {
        const uniform = random(seed);
        const { transcript, changes } = watched();
        [...messages].map((m) => [uniform(), m]).sort((a, b) => a[0] - b[0]).forEach(([, m]) => transcript.apply(m));
        const segment = transcript.get(1);
        assert.deepEqual([segment.committed, segment.translations.es.committed], ["text 6", "texto 6"], `seed ${seed}`);
        assert.ok(changes.length <= messages.length);
    }
});
