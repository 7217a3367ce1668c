/** What of the learner's page needs no page. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { KeptSession } from "../../web/learner/kept_session.js";
import { FORMATS, countSentences, makeFile, translatedInto } from "../../web/learner/files.js";
import { MISTAKES_MAX, Mistakes } from "../../web/learner/mistakes.js";
import { Settings } from "../../web/learner/settings.js";
import { Latency, describe } from "../../web/learner/status.js";
import { splitWords } from "../../web/learner/words.js";
import en from "../../web/learner/words_en.js";
import es from "../../web/learner/words_es.js";
import sharedEn from "../../web/shared/en.js";
import sharedEs from "../../web/shared/es.js";
import { I18n, pickLanguage } from "../../web/shared/i18n.js";
import { SPOKEN, TRANSLATED, directionOf } from "../../web/shared/languages.js";
import { tokenClaims } from "../../web/shared/token.js";

/** A browser that remembers in an object, or refuses to. */
class Memory {
    constructor(values = {}) {
        this.values = values;
    }

    get(name, otherwise = null) {
        return this.values[name] ?? otherwise;
    }

    set(name, value) {
        this.values[name] = structuredClone(value);
    }

    remove(name) {
        delete this.values[name];
    }
}

const words = new I18n({ en, es }, "en");
const OPEN = { state: "open", reason: "", label: "" };
const LIVE = { state: "live", reason: "", retryInMs: null, bufferedMs: 0 };

function standing(fields) {
    return { running: true, stopping: false, speaking: false, latencyMs: 400, capture: OPEN,
        session: LIVE, ...fields };
}

test("both languages have the same words, with the same values in them", () => {
    const values = (text) => (text.match(/\{\w+\}/g) ?? []).sort().join();
    for (const [a, b] of [[en, es], [sharedEn, sharedEs]]) {
        assert.deepEqual(Object.keys(a).sort(), Object.keys(b).sort());
        for (const key of Object.keys(a)) assert.equal(values(a[key]), values(b[key]), key);
    }
});

test("every word the page asks for is there", async () => {
    const html = await readFile(new URL("../../web/index.html", import.meta.url), "utf8");
    const keys = [...html.matchAll(/data-i18n(?:-\w+)?="([^"]+)"/g)].map((match) => match[1]);
    assert.ok(keys.length > 40);
    for (const key of keys) assert.ok(words.has(key), key);
});

test("says how it stands", () => {
    const cases = [
        [{ running: false, session: null, capture: { ...OPEN, state: "closed" } }, "idle"],
        [{ capture: { ...OPEN, state: "opening" }, session: null }, "opening"],
        [{ session: { ...LIVE, state: "connecting" } }, "connecting"],
        [{}, "listening"],
        [{ speaking: true }, "hearing"],
        [{ capture: { ...OPEN, state: "lost" } }, "lost"],
        [{ capture: { ...OPEN, state: "suspended", reason: "gesture" } }, "suspended"],
        [{ capture: { ...OPEN, state: "denied", reason: "insecure" } }, "denied"],
        [{ capture: { ...OPEN, state: "no-device", reason: "busy" } }, "no-device"],
        [{ capture: { ...OPEN, state: "failed", reason: "no AudioWorklet" } }, "failed"],
        [{ running: false, stopping: true }, "finishing"],
        [{ running: false, session: { ...LIVE, state: "ended", reason: "client" } }, "ended"],
        [{ running: false, session: { ...LIVE, state: "failed", reason: "idle" } }, "failed"],
        [{ session: { ...LIVE, state: "failed", reason: "unauthorized" } }, "signin"],
        [{ session: { ...LIVE, state: "reconnecting", reason: "lost" } }, "reconnecting"],
        [{ running: false, waiting: true, session: { ...LIVE, state: "reconnecting" } }, "returning"],
        [{ running: false, waiting: true }, "waiting"],
    ];
    for (const [fields, state] of cases) {
        const status = describe(standing(fields));
        assert.equal(status.state, state);
        const texts = [status.title, status.detail, status.help?.text].filter(Boolean);
        const keys = [...texts.map(([key]) => key), status.help?.title, status.help?.button];
        for (const key of keys.filter(Boolean)) assert.ok(words.has(key), key);
        for (const text of texts) assert.doesNotMatch(words.t(...text), /[{}]/);
    }
});

test("says what becomes of what is said meanwhile", () => {
    const away = { ...LIVE, state: "reconnecting", reason: "lost", retryInMs: 3600 };
    const told = (session) => words.t(...describe(standing({ session })).detail);
    assert.match(told({ ...away, bufferedMs: 7400 }), /Next try in 4 s, 7 s kept/);
    assert.match(told({ ...away, reason: "offline", bufferedMs: 3000 }), /offline.*3 s/);
    assert.match(told({ ...away, reason: "over_capacity" }), /full/);
    assert.match(told({ ...away, reason: "goaway" }), /nothing is lost/);
    assert.match(told({ ...LIVE, bufferedMs: 5000 }), /5 s .* on their way/);
    assert.match(words.t(...describe(standing({ latencyMs: 8200 })).detail), /8 s late/);
});

test("the latency shown is the middle of the last", () => {
    const latency = new Latency();
    assert.equal(latency.middle, null);
    for (const audio of [400, 9000, 300, 500, undefined, -1]) latency.add({ lat: { audio } });
    assert.equal(latency.middle, 500);
    for (let i = 0; i < 9; i++) latency.add({ lat: { audio: 200 } });
    assert.equal(latency.middle, 200);
});

function segment(number, committed, edits = [], fields = {}) {
    return { segment: number, committed, tentative: "", final: true, language: "en-US",
        start_ms: number * 1000, end_ms: number * 1000 + 900, words: [], corrected: "", edits,
        grammarFinal: true, notes: [], translations: {}, ...fields };
}

const HAVE = { start: 4, end: 8, from: "have", to: "has", kind: "agreement", message: "why" };

test("today's mistakes: each slip once, by person, until midnight", () => {
    const kept = new Memory();
    let day = "1";
    const mistakes = new Mistakes("ana", kept, () => day);
    const once = segment(1, "She have three cats.", [HAVE]);
    mistakes.add("0/1", once);
    mistakes.add("0/1", once);
    mistakes.add("0/2", segment(2, "She have a dog.", [HAVE]));
    mistakes.add("0/3", segment(3, "Not this.", [HAVE]));
    assert.equal(mistakes.count, 2);
    const [slip] = mistakes.list;
    assert.deepEqual([slip.before, slip.from, slip.to, slip.after, slip.times, slip.place],
        ["She ", "have", "has", " a dog.", 2, "0/2"]);
    assert.equal(new Mistakes("ana", kept, () => day).count, 2);
    assert.equal(new Mistakes("ben", kept, () => day).count, 0);
    day = "2";
    assert.equal(new Mistakes("ana", kept, () => day).count, 0);
    mistakes.add("0/9", segment(9, "She have it.", [HAVE]));
    assert.equal(mistakes.count, 1);
});

test("today's mistakes are counted once, also when a reload tells them again", () => {
    const kept = new Memory();
    const today = () => "1";
    const once = segment(1, "She have three cats.", [HAVE]);
    new Mistakes("ana", kept, today).add("s/1", once);
    const again = new Mistakes("ana", kept, today);
    again.add("s/1", once);
    assert.equal(again.count, 1);
    again.clear();
    const cleared = new Mistakes("ana", kept, today);
    cleared.add("s/1", once);
    assert.equal(cleared.count, 0);
    assert.equal(new Mistakes("ben", kept, today).count, 0);
});

test("today's mistakes: what is remembered is checked", () => {
    const list = { day: "1", who: "ana", slips: [null, 3, { key: "k", times: 1 }], places: "none" };
    assert.equal(new Mistakes("ana", new Memory({ list }), () => "1").count, 1);
});

test("today's mistakes are bounded", () => {
    const mistakes = new Mistakes("", new Memory(), () => "1");
    for (let i = 0; i < MISTAKES_MAX + 20; i++)
        mistakes.add(`0/${i}`, segment(i, "She have it.", [{ ...HAVE, to: `x${i}` }]));
    assert.equal(mistakes.list.length, MISTAKES_MAX);
});

test("settings: what is remembered is checked", () => {
    const kept = new Memory({ settings: { source: "xx", targets: ["es", "es", 7, "fr", "de", "it"],
        text: "huge", grammar: "yes", name: `  ${"n".repeat(99)}`, unknown: 1 } });
    kept.values.settings.toString = "edited";
    const settings = new Settings(["es-MX"], kept);
    assert.equal(settings.get("interface"), "es");
    assert.equal(settings.get("source"), "en-US");
    assert.deepEqual(settings.get("targets"), ["es", "fr", "de"]);
    assert.equal(settings.get("text"), "normal");
    assert.equal(settings.get("grammar"), true);
    assert.equal(settings.get("name").length, 60);
    assert.equal(settings.get("unknown"), undefined);
    settings.set({ source: "es-ES" });
    assert.deepEqual(settings.changed, ["source", "targets"]);
    assert.deepEqual(settings.forSession().targets, ["fr", "de"]);
});

test("settings: a browser that remembers nothing is no trouble", () => {
    const settings = new Settings(["fr"]);
    settings.set({ text: "large" });
    assert.equal(settings.get("text"), "large");
    assert.equal(settings.get("interface"), "en");
});

function take(segments, startedAt = "2026-11-22T10:00:00.000Z") {
    return { session: "s", startedAt, source: "en-US", targets: ["es"], segments };
}

const SPANISH = { committed: "Tiene <3> gatos & {más}.", tentative: "", final: true, failed: "" };

test("files: subtitles say what was said and nothing else", () => {
    const takes = [
        take([segment(1, "She has\n\nthree --> <b>cats</b>", [], { translations: { es: SPANISH } }),
            segment(2, " ", []), segment(3, "open", [], { final: false })]),
        take([segment(1, "Later.", [])], "2026-11-22T10:01:00.000Z"),
    ];
    assert.equal(countSentences(takes), 2);
    assert.deepEqual(translatedInto(takes), ["es"]);
    assert.equal(makeFile("srt", takes, ["", "es"]),
        "1\n00:00:01,000 --> 00:00:01,900\nShe has three --› ‹b›cats‹/b›\n" +
        "Tiene ‹3› gatos & (más).\n\n2\n00:01:01,000 --> 00:01:01,900\nLater.\n");
    assert.equal(makeFile("vtt", takes, ["es"]),
        "WEBVTT\n\n1\n00:00:01.000 --> 00:00:01.900\nTiene &lt;3&gt; gatos &amp; {más}.\n");
    assert.equal(makeFile("txt", takes, [""]),
        "[00:00:01] She has three --> <b>cats</b>\n[00:01:01] Later.\n");
    assert.equal(JSON.parse(makeFile("json", takes)).sessions[1].segments[0].text, "Later.");
    assert.deepEqual(Object.keys(FORMATS), ["txt", "srt", "vtt", "json"]);
});

test("files: cues never overlap and last for a moment at least", () => {
    const takes = [take([segment(1, "a", [], { start_ms: 0, end_ms: 5000 }),
        segment(2, "b", [], { start_ms: 4000, end_ms: 4500 })])];
    const times = makeFile("srt", takes, [""]).match(/\S+ --> \S+/g);
    assert.deepEqual(times, ["00:00:00,000 --> 00:00:05,000", "00:00:05,000 --> 00:00:05,001"]);
});

test("words keep every letter", () => {
    for (const text of ["She have three", " cats.", "", "  ", "你好", "a\n b ", "e\u0301 👩‍👩‍👧 x"])
        assert.equal(splitWords(text).join(""), text);
    assert.deepEqual(splitWords("She have"), ["She", " have"]);
});

test("languages are tags the browser knows, and run their way", () => {
    const names = new Intl.DisplayNames(["en"], { type: "language", fallback: "none" });
    for (const tag of [...SPOKEN, ...TRANSLATED]) assert.ok(names.of(tag), tag);
    assert.deepEqual(["ar-EG", "he", "pa-Arab-PK", "uz-Latn", "en", "", "zh-Hans"].map(directionOf),
        ["rtl", "rtl", "rtl", "ltr", "ltr", "auto", "ltr"]);
    assert.equal(pickLanguage(["fr-FR", "es-419", "en"]), "es");
    assert.equal(pickLanguage([]), "en");
});

test("claims of a token are read, and nothing of anything else", () => {
    const body = Buffer.from(JSON.stringify({ sub: "añá" })).toString("base64url");
    assert.equal(tokenClaims(`x.${body}.y`).sub, "añá");
    for (const text of ["", "x", "a.b.c", "a.bnVsbA.c"]) assert.deepEqual(tokenClaims(text), {});
});

/** Locks of a browser, as its tabs share them. */
class Locks {
    #queues = new Map();

    async request(name, { signal }, have) {
        const last = this.#queues.get(name) ?? Promise.resolve();
        let done;
        this.#queues.set(name, new Promise((resolve) => (done = resolve)));
        try {
            const late = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
            await Promise.race([last, late]);
            await have();
        } finally {
            done();
        }
    }
}

const RESUME = { session: "s1", token: "t1" };
const NONE = { resume: null, elsewhere: false };

test("a session is kept over a reload, for who spoke, until it ends", async () => {
    const locks = new Locks();
    const storage = new Memory();
    const before = new KeptSession(storage, locks);
    assert.deepEqual(await before.take("ana"), NONE);
    before.keep(RESUME, "ana");
    before.keep({ ...RESUME, token: "t2" }, "ana");
    const copy = new Memory(structuredClone(storage.values));
    assert.deepEqual(Object.keys(storage.values), ["session"]);
    const reloaded = new KeptSession(storage, new Locks());
    assert.deepEqual(await reloaded.take("ana"), { resume: { ...RESUME, token: "t2" }, elsewhere: false });
    assert.deepEqual(await new KeptSession(new Memory(structuredClone(copy.values)), new Locks()).take("ben"), NONE);
    assert.deepEqual(await new KeptSession(new Memory(structuredClone(copy.values)), null).take("ana"),
        { resume: { ...RESUME, token: "t2" }, elsewhere: false }, "a browser without locks");
    for (const session of [null, 3, "s1", { session: 1, token: "t", who: "ana" }, { session: "s1", who: "ana" }])
        assert.deepEqual(await new KeptSession(new Memory({ session }), locks).take("ana"), NONE);
    reloaded.forget();
    assert.deepEqual(storage.values, {});
});

test("a copy of a session is let go of while the session lives in another tab", async () => {
    const locks = new Locks();
    const storage = new Memory();
    const first = new KeptSession(storage, locks);
    first.keep(RESUME, "ana");
    const copied = () => new Memory(structuredClone(storage.values));
    const copy = copied();
    const second = new KeptSession(copy, locks);
    const taking = second.take("ana");
    second.keep({ session: "s2", token: "u1" }, "ana"); // the button was pressed meanwhile
    assert.deepEqual(await taking, { resume: null, elsewhere: true });
    assert.equal(copy.values.session.session, "s2");
    assert.equal(storage.values.session.session, "s1");
    const late = copied();
    first.forget();
    assert.deepEqual((await new KeptSession(late, locks).take("ana")).resume, RESUME);
});
