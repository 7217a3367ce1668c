/**
 * The interface's own language. A page gives its words, the shared ones are added.
 */
import en from "./en.js";
import es from "./es.js";

const SHARED = { en, es };
const ATTRIBUTES = { label: "aria-label", title: "title", placeholder: "placeholder" };

/**
 * Event "change": the language is another one.
 */
export class I18n extends EventTarget {
    #words;
    #language = "";
    #plural;

    /**
     * @param {Object<string, Object<string, string>>} pageWords by language
     * @param {string} language one of them
     */
    constructor(pageWords, language) {
        super();
        this.#words = pageWords;
        this.language = language;
    }

    get language() {
        return this.#language;
    }

    set language(language) {
        const next = language in SHARED ? language : "en";
        if (next === this.#language) return;
        this.#language = next;
        this.#plural = new Intl.PluralRules(next);
        this.dispatchEvent(new Event("change"));
    }

    /** @returns {boolean} */
    has(key) {
        return this.#find(key) !== undefined;
    }

    /**
     * @param {string} key
     * @param {Object<string, string|number>} [values] for the {names} in the text; a number `n`
     *     chooses between `key.one` and `key.other`
     * @returns {string} the key itself when there is no such text
     */
    t(key, values = {}) {
        const form = typeof values.n === "number" ? this.#plural.select(values.n) : "other";
        const text = this.#find(`${key}.${form}`) ?? this.#find(key) ??
            this.#find(`${key}.other`) ?? key;
        return text.replace(/\{(\w+)\}/g, (whole, name) =>
            typeof values[name] === "number" ? this.number(values[name]) : values[name] ?? whole,
        );
    }

    /** @returns {string} */
    number(value, options = {}) {
        return new Intl.NumberFormat(this.#language, options).format(value);
    }

    /** @returns {string} "a, b and c" */
    list(items) {
        return new Intl.ListFormat(this.#language, { type: "conjunction" }).format(items);
    }

    /**
     * Writes the texts of elements with data-i18n, and their labels, titles and placeholders from
     * data-i18n-label, data-i18n-title, data-i18n-placeholder.
     * @param {ParentNode} root
     */
    apply(root) {
        for (const node of root.querySelectorAll("[data-i18n]"))
            node.textContent = this.t(node.dataset.i18n);
        for (const [name, attribute] of Object.entries(ATTRIBUTES))
            for (const node of root.querySelectorAll(`[data-i18n-${name}]`))
                node.setAttribute(attribute, this.t(node.getAttribute(`data-i18n-${name}`)));
        if (root === document) document.documentElement.lang = this.#language;
    }

    #find(key) {
        return this.#words[this.#language]?.[key] ?? SHARED[this.#language][key];
    }
}

/** @returns {string[]} languages of the interface */
export function interfaceLanguages() {
    return Object.keys(SHARED);
}

/** @returns {string} the language of the interface for somebody who prefers these, in order */
export function pickLanguage(preferred) {
    const bases = preferred.map((tag) => tag.toLowerCase().split("-")[0]);
    return bases.find((base) => base in SHARED) ?? "en";
}
