/**
 * What is shown and in which order: search, filter, sort, class, language.
 *
 * Events: "view" {sort, show, search, language}, "class" {name}.
 */
import { emit } from "../client/emit.js";
import { byId, el } from "../shared/dom.js";
import { languageName } from "../shared/languages.js";
import { SHOW_NAMES, SORT_NAMES } from "./order.js";

const SEARCH_MS = 120;

export class Toolbar extends EventTarget {
    #i18n;
    #store;
    #search = byId("search");
    #sort = byId("sort");
    #class = byId("class");
    #language = byId("language");
    #show = "all";
    #classes = new Set();
    #timer = 0;
    #ends = [];

    constructor({ store, i18n, frame }) {
        super();
        this.#store = store;
        this.#i18n = i18n;
        const sort = this.#sort.value || "attention";
        this.#show = byId("show").querySelector("[aria-pressed=true]")?.dataset.show ?? "all";
        this.#sort.replaceChildren(...SORT_NAMES.map((name) =>
            el("option", { value: name, text: i18n.t(`sort.${name}`) })));
        this.#sort.value = sort;
        byId("show").replaceChildren(...SHOW_NAMES.map((name) => this.#choice(name)));
        this.#on(this.#search, "input", () => this.#later());
        this.#on(this.#sort, "change", () => this.#tell());
        this.#on(this.#language, "change", () => this.#tell());
        this.#on(this.#class, "change", () => emit(this, "class", { name: this.#class.value }));
        this.#ends.push(store.onMembers(({ added, gone }) => {
            if (added.length + gone.length > 0) frame.ask(this, () => this.#fill());
        }));
        this.#fill();
    }

    /** What is chosen, as "view" tells it. */
    get view() {
        return {
            sort: this.#sort.value,
            show: this.#show,
            search: this.#search.value,
            language: this.#language.value,
        };
    }

    /** The class that is chosen, "" for all. */
    get className() {
        return this.#class.value;
    }

    /** Shows all classes again. */
    clearClass() {
        this.#class.value = "";
        this.#fill();
        emit(this, "class", { name: "" });
    }

    /** Shows everybody again. */
    clear() {
        this.#search.value = "";
        this.#language.value = "";
        this.#choose("all");
    }

    end() {
        clearTimeout(this.#timer);
        for (const end of this.#ends) end();
    }

    #on(target, type, listener) {
        target.addEventListener(type, listener);
        this.#ends.push(() => target.removeEventListener(type, listener));
    }

    #choice(name) {
        return el("button", {
            class: "choice", type: "button", "aria-pressed": String(name === this.#show),
            data: { show: name, test: `show-${name}` }, text: this.#i18n.t(`show.${name}`),
            on: { click: () => this.#choose(name) },
        });
    }

    #choose(name) {
        this.#show = name;
        for (const button of byId("show").children) {
            button.setAttribute("aria-pressed", String(button.dataset.show === name));
        }
        this.#tell();
    }

    #later() {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#tell(), SEARCH_MS);
    }

    #tell() {
        clearTimeout(this.#timer);
        emit(this, "view", this.view);
    }

    /**
     * Offers each class and language there is, and no choice where there is but one. While one
     * class is watched nothing is known of the others: those seen before stay on offer.
     */
    #fill() {
        const tags = new Set([this.#language.value]);
        if (this.#class.value === "") this.#classes.clear();
        for (const state of this.#store.states()) {
            if (state.class) this.#classes.add(state.class);
            for (const tag of [state.source, ...state.targets]) tags.add(tag);
        }
        tags.delete("");
        const { t, language } = { t: (key) => this.#i18n.t(key), language: this.#i18n.language };
        const byName = new Intl.Collator(language, { numeric: true });
        const classes = [...this.#classes].sort(byName.compare).map((name) => [name, name]);
        const languages = [...tags].map((tag) => [tag, languageName(tag, language)])
            .sort((a, b) => byName.compare(a[1], b[1]));
        this.#offer(this.#class, [["", t("bar.all_classes")], ...classes]);
        this.#offer(this.#language, [["", t("bar.all_languages")], ...languages]);
        byId("class-field").hidden = classes.length < 2;
        byId("wall").toggleAttribute("data-one-class", classes.length < 2);
        byId("language-field").hidden = languages.length < 3;
    }

    #offer(select, options) {
        const chosen = select.value;
        const offered = JSON.stringify(options);
        if (select.dataset.offered === offered) return;
        select.dataset.offered = offered;
        select.replaceChildren(...options.map(([value, text]) => el("option", { value, text })));
        select.value = chosen;
    }
}
