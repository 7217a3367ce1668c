/**
 * The class as a whole: how many speak, how long, with how many mistakes and how late; the most
 * common mistakes; and the export. Figures are gathered all the time and drawn while they are seen.
 */
import { byId, el, setText } from "../shared/dom.js";
import { download } from "./http.js";
import { MistakesScan } from "./mistakes_scan.js";
import { Plot } from "./plot.js";
import { classFigures, Series } from "./stats.js";

const SAMPLE_MS = 1000;
const SAMPLES_A_MINUTE = 60000 / SAMPLE_MS;
const SCAN_MS = 30000;
const TOP = 20;

export class ClassView {
    #store;
    #i18n;
    #counters;
    #class = "";
    #median = new Series();
    #worst = new Series();
    #speaking = new Series();
    #updates = new Series();
    #updatesBefore = 0;
    #timer;
    #scanTimer = 0;
    #scan = new MistakesScan();
    #stop = null;
    #latency = new Plot(byId("plot-latency"), (ms) => `${ms / 1000} s`, 1000);
    #load = new Plot(byId("plot-load"), String);
    #ends = [];

    constructor({ store, i18n, counters }) {
        this.#store = store;
        this.#i18n = i18n;
        this.#counters = counters;
        this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
        for (const kind of ["csv", "json"]) {
            const onClick = () => this.#export(kind);
            byId(`export-${kind}`).addEventListener("click", onClick);
            this.#ends.push(() => byId(`export-${kind}`).removeEventListener("click", onClick));
        }
    }

    /** Begins to draw. */
    open() {
        byId("class-view").hidden = false;
        this.#draw();
        this.#look();
    }

    /** Stops drawing. */
    close() {
        byId("class-view").hidden = true;
        clearTimeout(this.#scanTimer);
        this.#stop?.abort();
    }

    /** The class that is watched, "" for all: what was counted of another is forgotten. */
    setClass(name) {
        this.#class = name;
        this.#stop?.abort();
        this.#scan = new MistakesScan();
        if (this.#seen) this.#look();
    }

    /** Lets go of everything; the view cannot be used any more. */
    end() {
        this.close();
        clearInterval(this.#timer);
        for (const end of this.#ends) end();
    }

    get #seen() {
        return !byId("class-view").hidden;
    }

    /** Those of the class: others stand in the store until the snapshot of a newly chosen one. */
    get #states() {
        const states = this.#store.states();
        return this.#class === "" ? states : states.filter((one) => one.class === this.#class);
    }

    #sample() {
        const figures = classFigures(this.#states);
        this.#median.push(figures.medianMs);
        this.#worst.push(figures.worstMs);
        this.#speaking.push(figures.speaking);
        this.#updates.push(this.#counters.changes - this.#updatesBefore);
        this.#updatesBefore = this.#counters.changes;
        if (this.#seen && !document.hidden) this.#draw(figures);
    }

    #draw(figures = classFigures(this.#states)) {
        const number = (value, digits = 0) =>
            this.#i18n.number(value, { maximumFractionDigits: digits });
        const seconds = (ms) => number(ms / 1000, 1);
        setText(byId("figure-sessions"), number(figures.sessions));
        setText(byId("figure-speaking"), number(figures.speaking));
        setText(byId("figure-minutes"), number(figures.audioMs / 60000));
        setText(byId("figure-mistakes"), number(figures.mistakes));
        const say = (id, key, values) => setText(byId(id), this.#i18n.t(key, values));
        say("latency-median", "class.median", { s: seconds(figures.medianMs) });
        say("latency-worst", "class.worst", { s: seconds(figures.worstMs) });
        say("load-speaking", "class.load_speaking", { n: figures.speaking });
        say("load-updates", "class.load_updates", { n: this.#updates.last });
        this.#drawPlots();
        this.#drawExport();
    }

    /** Whole minutes, as many as there are samples of. */
    #drawPlots() {
        const n = Math.max(1, Math.ceil(this.#median.length / SAMPLES_A_MINUTE));
        const span = n * SAMPLES_A_MINUTE;
        const text = this.#i18n.t("class.span", { n });
        for (const node of document.querySelectorAll(".plot-span")) setText(node, text);
        this.#latency.draw([
            { values: this.#worst.values(), colour: "--warn" },
            { values: this.#median.values(), colour: "--accent", fill: true },
        ], span);
        this.#load.draw([
            { values: this.#updates.values(), colour: "--line-strong" },
            { values: this.#speaking.values(), colour: "--accent", fill: true },
        ], span);
    }

    /* --- common mistakes --- */

    async #look() {
        clearTimeout(this.#scanTimer);
        this.#stop?.abort();
        const stop = (this.#stop = new AbortController());
        const scan = this.#scan;
        this.#drawMistakes("class.common_wait");
        await scan.run(this.#states, stop.signal);
        if (stop.signal.aborted) return;
        this.#drawMistakes(scan.failed ? "class.common_failed" : "class.common_none");
        this.#scanTimer = setTimeout(() => this.#look(), SCAN_MS);
    }

    /** @param {string} said when there are none, or when some could not be read */
    #drawMistakes(said) {
        const { mistakes, failed } = this.#scan;
        const kinds = mistakes.kinds();
        const none = kinds.length === 0;
        byId("common-table").hidden = none;
        setText(byId("common-said"), none || failed ? this.#i18n.t(said) : "");
        const most = kinds[0]?.count ?? 1;
        byId("common-kinds").replaceChildren(...kinds.map((one) => this.#kind(one, most)));
        byId("common-rows").replaceChildren(...mistakes.top(TOP).map((one) => this.#row(one)));
    }

    #kind({ kind, count }, most) {
        const bar = el("span", { class: "bar" });
        bar.style.inlineSize = `${Math.round((100 * count) / most)}%`;
        return el("li", {}, el("span", { text: this.#i18n.t(`kind.${kind}`) }),
            el("span", { class: "bar-room", "aria-hidden": "true" }, bar),
            el("span", { class: "bar-count", text: this.#i18n.number(count) }));
    }

    #row({ kind, from, to, message, count }) {
        return el("tr", {},
            el("td", {}, el("bdi", { class: "said", text: from || "–" })),
            el("td", {}, el("bdi", { class: "better", text: to || "–" })),
            el("td", { text: this.#i18n.t(`kind.${kind}`) }),
            el("td", { class: "times", text: this.#i18n.number(count) }),
            el("td", {}, el("bdi", { text: message })));
    }

    /* --- export --- */

    /** The class to export: the one that is watched, or the only one there is. */
    get #exported() {
        if (this.#class !== "") return this.#class;
        const classes = new Set(this.#store.states().map((state) => state.class));
        return classes.size === 1 ? [...classes][0] : "";
    }

    /** Says which class is meant, where that is not clear; and what an export said, until then. */
    #drawExport() {
        const none = this.#exported === "";
        const said = byId("export-said");
        const chooses = !byId("class-field").hidden;
        byId("export-csv").disabled = none;
        byId("export-json").disabled = none;
        if (none) setText(said, this.#i18n.t(chooses ? "export.which" : "export.classless"));
        else if (said.dataset.none !== undefined) setText(said, "");
        said.toggleAttribute("data-none", none);
    }

    async #export(kind) {
        const name = this.#exported;
        const file = `${name.replace(/[^\p{L}\p{N}_-]+/gu, "_")}.${kind}`;
        setText(byId("export-said"), "");
        try {
            await download(`/v1/classes/${encodeURIComponent(name)}/export.${kind}`, file);
        } catch (error) {
            const { message } = error;
            setText(byId("export-said"), this.#i18n.t("export.failed", { message }));
        }
    }
}
