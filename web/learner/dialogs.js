/**
 * The dialogs: languages, settings, download. Each writes what is chosen to the settings at once;
 * there is nothing to confirm.
 */
import { byId, el, icon, saveFile } from "../shared/dom.js";
import { SPOKEN, TRANSLATED, baseOf, languageName, namedLanguages } from "../shared/languages.js";
import { FORMATS, SPOKEN_LINE, countSentences, makeFile, translatedInto } from "./files.js";
import { TARGETS_MAX } from "./settings.js";

/** Opens and closes; a click beside it closes it, too. */
function dialogOf(id, onOpen) {
    const dialog = byId(id);
    dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    return () => {
        if (dialog.open) return;
        onOpen();
        dialog.showModal();
    };
}

function options(select, items, chosen) {
    select.replaceChildren(...items.map(({ tag, name }) =>
        el("option", { value: tag, text: name, selected: tag === chosen })));
    select.value = chosen;
}

export class LanguagesDialog {
    #i18n;
    #settings;
    #rows = byId("targets");
    /** Somebody is speaking: the language that is spoken stays. */
    live = false;

    constructor(i18n, settings) {
        this.#i18n = i18n;
        this.#settings = settings;
        this.open = dialogOf("languages-dialog", () => this.#draw());
        byId("source").addEventListener("change", (event) =>
            this.#change({ source: event.target.value }));
        byId("targets-add").addEventListener("click", () => this.#add());
    }

    #change(values) {
        this.#settings.set(values);
        this.#draw();
    }

    #draw() {
        const { language } = this.#i18n;
        const source = byId("source");
        options(source, namedLanguages(SPOKEN, language), this.#settings.get("source"));
        source.disabled = this.live;
        byId("source-hint").hidden = !this.live;
        const targets = this.#settings.get("targets");
        this.#rows.replaceChildren(...targets.map((tag, i) => this.#row(tag, i, targets)));
        byId("targets-add").hidden = targets.length >= TARGETS_MAX;
    }

    #row(tag, i, targets) {
        const select = el("select", {
            "class": "input",
            "aria-label": this.#i18n.t("languages.target", { n: i + 1 }),
            "data": { test: "target" },
        });
        options(select, namedLanguages(this.#free(tag), this.#i18n.language), tag);
        select.addEventListener("change", () => {
            this.#change({ targets: targets.with(i, select.value) });
            this.#rows.querySelectorAll("select")[i]?.focus();
        });
        const row = el("div", { class: "targets-row" }, select);
        if (targets.length > 1) row.append(this.#removeButton(tag, i, targets));
        return row;
    }

    #removeButton(tag, i, targets) {
        const language = languageName(tag, this.#i18n.language);
        return el("button", {
            "type": "button",
            "class": "button button-quiet button-icon",
            "aria-label": this.#i18n.t("languages.remove", { language }),
            "on": {
                click: () => {
                    this.#change({ targets: targets.toSpliced(i, 1) });
                    this.#rows.querySelector("select").focus();
                },
            },
        }, icon("close"));
    }

    /** Languages that are not chosen yet, and not spoken. */
    #free(own) {
        const taken = this.#settings.get("targets");
        const spoken = this.#settings.get("source");
        return TRANSLATED.filter((tag) => tag === own ||
            !(taken.includes(tag) || tag === spoken || tag === baseOf(spoken)));
    }

    #add() {
        const targets = this.#settings.get("targets");
        const free = this.#free("");
        const likely = navigator.languages.map(baseOf).find((tag) => free.includes(tag));
        this.#change({ targets: [...targets, likely ?? free[0]] });
        this.#rows.querySelector(".targets-row:last-child select").focus();
    }
}

export class SettingsDialog {
    #i18n;
    #settings;
    #devices;

    /** @param {() => Promise<{deviceId: string, label: string}[]>} devices microphones */
    constructor(i18n, settings, devices) {
        this.#i18n = i18n;
        this.#settings = settings;
        this.#devices = devices;
        this.open = dialogOf("settings-dialog", () => this.#draw());
        byId("settings-body").addEventListener("change", (event) => this.#onChange(event.target));
    }

    #onChange(field) {
        const name = field.dataset.setting;
        if (!name) return;
        this.#settings.set({ [name]: field.type === "checkbox" ? field.checked : field.value });
        if (name === "interface") this.#draw();
    }

    #draw() {
        for (const field of byId("settings-body").querySelectorAll("[data-setting]")) {
            const value = this.#settings.get(field.dataset.setting);
            if (field.type === "checkbox") field.checked = value;
            else field.value = value;
        }
        this.#drawDevices();
    }

    async #drawDevices() {
        const select = byId("set-device");
        const chosen = this.#settings.get("device");
        const standard = { tag: "", name: this.#i18n.t("set.deviceDefault") };
        options(select, [standard], "");
        const devices = await this.#devices().catch(() => []);
        const named = devices
            .filter(({ deviceId }) => deviceId && deviceId !== "default")
            .map(({ deviceId, label }, i) =>
                ({ tag: deviceId, name: label || this.#i18n.t("set.deviceNamed", { n: i + 1 }) }));
        const known = named.some(({ tag }) => tag === chosen);
        options(select, [standard, ...named], known ? chosen : "");
    }
}

export class DownloadDialog {
    #i18n;
    #takes;

    /** @param {() => import("./files.js").Take[]} takes what was said */
    constructor(i18n, takes) {
        this.#i18n = i18n;
        this.#takes = takes;
        this.open = dialogOf("download-dialog", () => this.#draw());
        byId("download-formats").addEventListener("click", (event) => {
            const { format } = event.target.closest("[data-format]")?.dataset ?? {};
            if (format) this.#save(format);
        });
    }

    #draw() {
        const takes = this.#takes();
        const sentences = countSentences(takes);
        byId("download-about").textContent = sentences
            ? this.#i18n.t("download.about", { n: sentences })
            : this.#i18n.t("download.empty");
        for (const button of byId("download-formats").children) button.disabled = sentences === 0;
        this.#drawLines(takes);
    }

    #drawLines(takes) {
        const field = byId("download-languages");
        const ui = this.#i18n.language;
        const spoken = languageName(takes.at(-1)?.source ?? "en", ui);
        const lines = [
            { tag: SPOKEN_LINE, name: this.#i18n.t("download.spoken", { language: spoken }) },
            ...translatedInto(takes).map((tag) => ({ tag, name: languageName(tag, ui) })),
        ];
        field.hidden = takes.length === 0;
        field.replaceChildren(field.querySelector("legend"), ...lines.map(({ tag, name }) =>
            el("label", { class: "check" },
                el("input", { type: "checkbox", name: "line", value: tag, checked: true }),
                el("span", { text: name }))));
    }

    #save(format) {
        const boxes = [...byId("download-languages").querySelectorAll("input:checked")];
        const lines = boxes.length ? boxes.map((box) => box.value) : [SPOKEN_LINE];
        const takes = this.#takes();
        const day = takes[0].startedAt.slice(0, 16).replace("T", "-").replace(":", "");
        saveFile(`sotto-${day}.${format}`, FORMATS[format].type, makeFile(format, takes, lines));
    }
}
