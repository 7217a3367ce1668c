/**
 * What the learner has chosen, remembered in the browser where it lets us.
 */
import { interfaceLanguages, pickLanguage } from "../shared/i18n.js";
import { SPOKEN, TRANSLATED, baseOf } from "../shared/languages.js";
import { Remembered } from "../shared/storage.js";

export const TARGETS_MAX = 3;

const CHOICES = {
    interface: interfaceLanguages(),
    text: ["normal", "large", "project"],
    stability: ["low", "medium", "high"],
    explain: ["source", "interface"],
    announce: ["sentences", "translations", "both", "none"],
};
const TEXT_MAX = { name: 60, class: 60, device: 256 };

/**
 * Event "change", detail-less: `settings.changed` names what changed last.
 */
export class Settings extends EventTarget {
    #kept;
    #values;

    /** Names of the settings that the last change touched. */
    changed = [];

    /**
     * @param {readonly string[]} preferred languages of the browser, most wanted first
     * @param {Remembered} [kept]
     */
    constructor(preferred, kept = new Remembered("localStorage", "sotto.learner.")) {
        super();
        this.#kept = kept;
        const defaults = defaultsFor(preferred);
        this.#values = merged(defaults, kept.get("settings", {}));
    }

    get(name) {
        return this.#values[name];
    }

    /** What has no sense is left as it was. */
    set(values) {
        const next = merged(this.#values, values);
        this.changed = Object.keys(next).filter((name) => !same(next[name], this.#values[name]));
        if (this.changed.length === 0) return;
        this.#values = next;
        this.#kept.set("settings", next);
        this.dispatchEvent(new Event("change"));
    }

    /** @returns {object} settings of a session as sotto.v1 names them */
    forSession() {
        const { source, targets, grammar, stability, explain, name } = this.#values;
        return {
            source,
            targets,
            grammar,
            partials: true,
            stability,
            explain_in: explain === "source" ? source : this.#values.interface,
            ...(name && { name }),
            ...(this.#values.class && { class: this.#values.class }),
        };
    }
}

function defaultsFor(preferred) {
    const ui = pickLanguage(preferred);
    return {
        interface: ui,
        source: "en-US",
        targets: [ui === "en" ? "es" : ui],
        grammar: true,
        stability: "medium",
        explain: "source",
        announce: "sentences",
        text: "normal",
        keys: true,
        device: "",
        name: "",
        class: "",
    };
}

function same(a, b) {
    return JSON.stringify(a) === JSON.stringify(b);
}

/** What is remembered may be of another version, or edited by hand. */
function merged(base, values) {
    const next = { ...base };
    for (const [name, value] of Object.entries(values ?? {})) {
        if (Object.hasOwn(CHOICES, name))
            next[name] = CHOICES[name].includes(value) ? value : next[name];
        else if (Object.hasOwn(TEXT_MAX, name) && typeof value === "string")
            next[name] = value.trim().slice(0, TEXT_MAX[name]);
        else if (typeof next[name] === "boolean" && typeof value === "boolean") next[name] = value;
    }
    if (SPOKEN.includes(values?.source)) next.source = values.source;
    if (Array.isArray(values?.targets)) next.targets = values.targets;
    next.targets = targetsFor(next.targets, next.source);
    return next;
}

/** One to three, each once, none the language that is spoken. */
function targetsFor(targets, source) {
    const fit = targets.filter(
        (tag, i) => TRANSLATED.includes(tag) && targets.indexOf(tag) === i && tag !== source &&
            !(baseOf(tag) === baseOf(source) && tag === baseOf(tag)),
    );
    if (fit.length === 0) fit.push(baseOf(source) === "es" ? "en" : "es");
    return fit.slice(0, TARGETS_MAX);
}
