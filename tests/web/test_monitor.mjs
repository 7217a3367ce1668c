/** The teacher's page without a page: its store, its order, its figures. */
import assert from "node:assert/strict";
import test from "node:test";
import { attention, FINE, LOOK, QUIET_MS, TROUBLE } from "../../web/monitor/attention.js";
import { Frame } from "../../web/monitor/frame.js";
import { MistakesScan } from "../../web/monitor/mistakes_scan.js";
import { arrange, staying } from "../../web/monitor/order.js";
import { roundUp } from "../../web/monitor/plot.js";
import { messagesOf } from "../../web/monitor/messages.js";
import { stateMerge, stateOf } from "../../web/monitor/state.js";
import { classFigures, Mistakes, quantile, SAMPLES_MAX, Series } from "../../web/monitor/stats.js";
import { Store } from "../../web/monitor/store.js";
import { WORDS } from "../../web/monitor/words.js";
import { random } from "./clock.mjs";

const collator = new Intl.Collator("en", { numeric: true });
const VIEW = { sort: "attention", show: "all", search: "", language: "", now: 0 };

function made(session, fields = {}) {
    const state = stateOf(session);
    stateMerge(state, { phase: "live", speaking: true, ...fields });
    state.heardAt = 0;
    return state;
}

test("a state takes only what a field may be", () => {
    const state = stateOf("a");
    stateMerge(state, { name: { toString: "x" }, audio_ms: "9", speaking: 1, targets: ["es", 4], translations: { es: "hola", fr: 3 },
        health: null, session: "b", unknown: 1 });
    assert.deepEqual({ ...state, translations: { ...state.translations } }, { ...stateOf("a"), targets: ["es"],
        translations: { es: "hola" } });
    assert.equal(stateMerge(state, { targets: ["es"] }), false, "what is the same is no change");
});

test("a change is told to its own session's subscribers only, once a message", () => {
    const store = new Store(() => 0);
    const told = [];
    store.replace([{ session: "a" }, { session: "b" }]);
    const end = store.subscribe("a", () => told.push("a"));
    store.subscribe("b", () => told.push("b"));
    assert.equal(store.change([{ session: "a", text: "x", mistakes: 1 }]), 1);
    assert.deepEqual(told, ["a"]);
    assert.equal(store.change([{ session: "a", text: "x" }]), 0);
    end();
    store.change([{ session: "a", text: "y" }, { session: "b", text: "z" }]);
    assert.deepEqual(told, ["a", "b"]);
});

test("snapshots and deltas in any order end in what a plain model has", () => {
    const uniform = random(7);
    const store = new Store(() => 0);
    const model = new Map();
    const heard = new Map();
    store.onMembers(({ added, gone }) => {
        for (const session of added) heard.set(session, true);
        for (const session of gone) heard.delete(session);
    });
    for (let round = 0; round < 2000; round++) {
        const session = `s${Math.floor(uniform() * 20)}`;
        const fields = { session, text: `t${round}`, mistakes: Math.floor(uniform() * 3) };
        if (uniform() < 0.05) {
            model.clear();
            model.set(session, fields);
            store.replace([fields]);
        } else if (uniform() < 0.2) {
            model.delete(session);
            store.change([], [session]);
        } else {
            model.set(session, fields);
            store.change([fields]);
        }
    }
    const seen = store.states().map(({ session, text, mistakes }) => ({ session, text, mistakes }));
    assert.deepEqual(new Map(seen.map((state) => [state.session, state])), model);
    assert.deepEqual([...heard.keys()].sort(), [...model.keys()].sort());
});

test("attention has its levels and reasons", () => {
    const of = (fields, now = 0) => attention(made("a", fields), now);
    assert.deepEqual(of({}), { level: FINE, reasons: [] });
    assert.equal(of({ phase: "held" }).level, TROUBLE);
    assert.equal(of({ health: { lag_ms: 2600 } }).reasons[0].n, 3);
    assert.equal(of({ health: { degraded: ["speech"] } }).level, TROUBLE);
    assert.equal(of({ mistakes: 4, audio_ms: 30000 }).level, LOOK);
    assert.equal(of({ mistakes: 4, audio_ms: 120000 }).level, FINE);
    assert.equal(of({ speaking: false }, QUIET_MS).reasons[0].key, "why.quiet");
    assert.equal(of({ speaking: true }, QUIET_MS).level, FINE);
});

test("the order is stable, the search without accents, the filters together", () => {
    const states = [made("1", { name: "Zoë", source: "en-US" }), made("2", { name: "Ana", targets: ["es"] }),
        made("3", { name: "Bo", phase: "held", targets: ["es"] }), made("4", { name: "Bo 10" }), made("5", { name: "Bo 9" })];
    const ids = (view) => arrange(states, { ...VIEW, ...view }, collator).ids.join("");
    assert.equal(ids({}), "32541");
    assert.equal(ids({ sort: "name" }), "23541");
    assert.equal(ids({ search: "ZOE" }), "1");
    assert.equal(ids({ search: "bo 9" }), "5");
    assert.equal(ids({ language: "es" }), "32");
    assert.equal(ids({ show: "attention", language: "es" }), "3");
});

/** Length of a longest growing run, by trying all ends. */
function longest(values) {
    const runs = [];
    for (const [i, value] of values.entries())
        runs[i] = 1 + Math.max(0, ...runs.filter((_, k) => values[k] < value));
    return Math.max(...runs);
}

test("as few tiles as possible are moved", () => {
    assert.deepEqual([...staying(["a", "b", "c", "d"], ["d", "a", "b", "c"])].sort(), ["a", "b", "c"]);
    assert.equal(staying(["a", "b"], ["b", "a"]).size, 1);
    const uniform = random(3);
    for (let round = 0; round < 200; round++) {
        const wanted = Array.from({ length: 12 }, (_, i) => String(i));
        const order = [...wanted].sort(() => uniform() - 0.5).slice(0, 9);
        const stay = order.filter((id) => staying(order, wanted).has(id)).map(Number);
        assert.deepEqual(stay, [...stay].sort((a, b) => a - b), "those that stay are in order");
        assert.equal(stay.length, longest(order.map(Number)));
    }
});

test("a frame draws each thing once", () => {
    let run = null;
    const frame = new Frame(undefined, { request: (f) => ((run = f), 1), cancel: () => (run = null) });
    const drawn = [];
    assert.equal(frame.ask("a", () => drawn.push("a")), true);
    assert.equal(frame.ask("a", () => drawn.push("again")), false);
    frame.ask("b", () => drawn.push("b"));
    frame.drop("b");
    run();
    assert.deepEqual(drawn, ["a"]);
});

test("figures", () => {
    const series = new Series();
    for (let i = 0; i < SAMPLES_MAX + 5; i++) series.push(i);
    assert.equal(series.values().length, SAMPLES_MAX);
    assert.deepEqual([series.values()[0], series.last], [5, SAMPLES_MAX + 4]);
    assert.deepEqual([quantile([], 0.5), quantile([1, 2, 3, 4], 0.5), quantile([1, 2, 3, 4], 0.95)], [0, 2, 4]);
    const figures = classFigures([made("a", { audio_ms: 5, mistakes: 2, health: { p95_ms: 300 } }),
        made("b", { speaking: false, phase: "held", health: { p95_ms: 900 } }), made("c")]);
    assert.deepEqual(figures, { sessions: 3, speaking: 2, held: 1, mistakes: 2, audioMs: 5, medianMs: 300, worstMs: 900 });
    assert.deepEqual([0, 3, 10, 11, 0.7].map(roundUp), [1, 5, 10, 20, 1]);
});

test("mistakes are counted by kind and by words, within a bound", () => {
    const mistakes = new Mistakes(1);
    const edit = { kind: "tense", from: "Go", to: "went", message: "past" };
    mistakes.add({ edits: [edit, { ...edit, from: "go" }, { kind: "article", from: "a", to: "an" }, null, { kind: 3 }] });
    mistakes.add({ edits: "none" });
    assert.deepEqual(mistakes.kinds(), [{ kind: "tense", count: 2 }, { kind: "article", count: 1 }]);
    assert.deepEqual(mistakes.top(5), [{ ...edit, count: 2 }]);
});

test("transcripts are read once, and on from where they ended", async () => {
    const asked = [];
    const stored = { a: [1, 2, 3].map((seq) => ({ seq, type: "grammar", edits: [{ kind: "tense", from: "x", to: "y" }] })) };
    const scan = new MistakesScan(async (path) => {
        asked.push(path);
        const [, session, after] = /sessions\/(\w+)\/transcript\.json\?after=(\d+)/.exec(path);
        if (!stored[session]) throw new Error("404");
        const messages = stored[session].filter(({ seq }) => seq > Number(after)).slice(0, 2);
        return { messages, ...(messages.at(-1)?.seq < 3 ? { next: "more" } : {}) };
    });
    await scan.run([{ session: "a", mistakes: 3 }, { session: "c", mistakes: 0 }]);
    assert.equal(asked.length, 2);
    assert.equal(scan.mistakes.kinds()[0].count, 3);
    await scan.run([{ session: "a", mistakes: 3 }]);
    assert.equal(asked.length, 2, "nothing new, nothing asked");
    stored.a.push({ seq: 4, type: "grammar", edits: [{ kind: "tense", from: "x", to: "y" }] });
    await scan.run([{ session: "a", mistakes: 4 }]);
    assert.equal(scan.mistakes.kinds()[0].count, 4);
    await scan.run(["p", "q", "r", "s", "t", "u"].map((session) => ({ session, mistakes: 1 })));
    assert.ok(scan.failed);
    assert.ok(asked.length < 3 + 6, "it gives up where nothing can be read");
});

test("a segment of history is its messages, however they are grouped", () => {
    const message = (type) => ({ type, segment: 1 });
    const segment = { segment: 1, transcript: message("transcript"), translations: { es: message("translation") },
        grammar: message("grammar"), notes: [message("note"), message("note")] };
    assert.deepEqual(messagesOf(segment).map(({ type }) => type), ["transcript", "translation", "grammar", "note", "note"]);
    assert.deepEqual(messagesOf(null), []);
});

test("both languages say the same things", () => {
    const keys = (words) => new Set(Object.keys(words).map((key) => key.replace(/\.(one|other)$/, "")));
    assert.deepEqual(keys(WORDS.es), keys(WORDS.en));
    for (const [key, text] of Object.entries(WORDS.en)) {
        const names = (line) => (line.match(/\{\w+\}/g) ?? []).sort();
        if (key in WORDS.es) assert.deepEqual(names(WORDS.es[key]), names(text), key);
    }
});
