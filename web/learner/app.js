/**
 * The learner's page: everything made and connected.
 */
import { FrameDraw, byId, setText } from "../shared/dom.js";
import { I18n } from "../shared/i18n.js";
import { shortLanguageName } from "../shared/languages.js";
import { setToken, takeToken, tokenClaims } from "../shared/token.js";
import { Announcer } from "./announcer.js";
import { Awake } from "./awake.js";
import { Captions, placeOf } from "./captions.js";
import { DownloadDialog, LanguagesDialog, SettingsDialog } from "./dialogs.js";
import { FixTip } from "./fix.js";
import { listenToKeys } from "./keys.js";
import { Lesson } from "./lesson.js";
import { Mistakes } from "./mistakes.js";
import { MistakesView } from "./mistakes_view.js";
import { Settings } from "./settings.js";
import { describe } from "./status.js";
import { StatusView } from "./status_view.js";
import en from "./words_en.js";
import es from "./words_es.js";

const SIZES = ["normal", "large", "project"];

export class App {
    #token = takeToken();
    #settings = new Settings(navigator.languages);
    #i18n = new I18n({ en, es }, this.#settings.get("interface"));
    #announcer = new Announcer(byId("announce-status"), byId("announce-text"));
    #announced = new Set();
    #awake = new Awake();
    #lesson;
    #mistakes = new Mistakes(this.#who());
    #captions;
    #status;
    #languages;
    #level = 0;
    #drawing = new FrameDraw(() => this.#draw());

    /**
     * @param {object} parts
     * @param {typeof import("../client/session.js").Session} parts.Session
     * @param {typeof import("../audio/capture.js").Capture} parts.Capture
     */
    constructor({ Session, Capture }) {
        const token = () => this.#token;
        const who = () => this.#who();
        this.#lesson = new Lesson({ Session, Capture, settings: this.#settings, token, who });
        this.#captions = new Captions(this.#i18n, {
            scroller: byId("captions"),
            list: byId("segments"),
            follow: byId("follow"),
        });
        this.#status = new StatusView(this.#i18n, this.#announcer, (action) => this.#act(action));
        this.#languages = new LanguagesDialog(this.#i18n, this.#settings);
        const settings = new SettingsDialog(this.#i18n, this.#settings, () => Capture.devices());
        const download = new DownloadDialog(this.#i18n, () => this.#lesson.takes);
        const mistakes = new MistakesView(this.#i18n, this.#mistakes, (at) => this.#find(at));
        new FixTip(this.#i18n, byId("fix"), byId("segments"));
        this.#listen();
        this.#listenToButtons(settings, download, mistakes);
        this.#apply();
        this.#lesson.takeUp();
    }

    #who() {
        return tokenClaims(this.#token).sub ?? "";
    }

    #listen() {
        const lesson = this.#lesson;
        lesson.addEventListener("change", () => this.#drawing.ask());
        lesson.addEventListener("level", (event) => this.#onLevel(event.detail));
        lesson.addEventListener("segment", (event) => this.#onSegment(event.detail));
        lesson.addEventListener("notice", ({ detail }) => {
            this.#status.notice(detail.key, detail.values);
            this.#drawing.ask();
        });
        this.#settings.addEventListener("change", () => this.#apply());
        byId("signin").addEventListener("submit", (event) => this.#signIn(event));
        byId("sign-out").addEventListener("click", () => this.#signOut());
        addEventListener("hashchange", () => this.#onHash());
    }

    #listenToButtons(settings, download, mistakes) {
        const nextSize = () => {
            const at = SIZES.indexOf(this.#settings.get("text"));
            this.#settings.set({ text: SIZES[(at + 1) % SIZES.length] });
        };
        const languages = () => this.#openLanguages();
        byId("speak").addEventListener("click", () => this.#speak());
        byId("languages-button").addEventListener("click", languages);
        byId("settings-button").addEventListener("click", settings.open);
        byId("download-button").addEventListener("click", download.open);
        byId("text-size").addEventListener("click", nextSize);
        listenToKeys(this.#settings, {
            " ": () => this.#speak(),
            "l": languages,
            "m": () => mistakes.toggle(),
            "d": download.open,
            "t": nextSize,
            "?": settings.open,
        });
    }

    #speak() {
        if (this.#lesson.running) this.#lesson.stop();
        else this.#lesson.start();
    }

    #act(action) {
        if (action === "resume") this.#lesson.resume();
        else if (action === "languages") this.#openLanguages();
        else this.#lesson.start();
    }

    #openLanguages() {
        this.#languages.live = this.#lesson.running;
        this.#languages.open();
    }

    #find(place) {
        const narrow = matchMedia("(max-width: 899px)").matches;
        if (narrow) byId("mistakes-close").click();
        this.#captions.find(place);
    }

    #onLevel({ peak }) {
        this.#level = Math.max(peak, this.#level * 0.8);
        this.#drawing.ask();
    }

    #onSegment(detail) {
        const { take, change } = detail;
        this.#captions.onSegment(detail);
        byId("welcome").hidden = !this.#captions.isEmpty;
        if (change.change === "removed") return;
        const place = placeOf(take, change.segment);
        if (change.what === "grammar") this.#mistakes.add(place, change.segment);
        if (!this.#lesson.waiting) this.#announce(place, change, take); // else it was said before
    }

    #announce(place, { segment, what, lang }, take) {
        const wish = this.#settings.get("announce");
        const spoken = what === "transcript" && segment.final;
        const translation = what === "translation" && segment.translations[lang];
        const key = `${place}/${what}/${lang}`;
        if (!(spoken || translation?.final) || this.#announced.has(key)) return;
        this.#announced.add(key);
        if (spoken && (wish === "sentences" || wish === "both") && segment.committed)
            this.#announcer.sentence(segment.committed, segment.language || take.source);
        if (!spoken && (wish === "translations" || wish === "both") && translation.committed)
            this.#announcer.sentence(translation.committed, lang);
    }

    /** The settings, on the page. */
    #apply() {
        const root = document.documentElement;
        const ui = this.#settings.get("interface");
        this.#i18n.language = ui;
        this.#i18n.apply(document);
        const resized = root.dataset.text !== this.#settings.get("text");
        root.dataset.text = this.#settings.get("text");
        const targets = this.#settings.get("targets");
        const names = targets.map((tag) => shortLanguageName(tag, ui));
        setText(byId("languages-from"), shortLanguageName(this.#settings.get("source"), ui));
        setText(byId("languages-to"), names.join(", "));
        byId("sign-out").hidden = !this.#token;
        this.#captions.targets = targets;
        if (resized) this.#captions.relayout();
        this.#drawing.ask();
    }

    #draw() {
        const lesson = this.#lesson;
        const status = describe(lesson.standing);
        const { degraded, goaway, running } = lesson;
        const latencyMs = running || lesson.stopping ? lesson.latency.middle : null;
        this.#status.draw(status, { degraded, goaway, running, latencyMs });
        byId("speak").style.setProperty("--level", running ? this.#level.toFixed(2) : "0");
        this.#drawSignIn(status.state === "signin");
        this.#awake.set(running);
    }

    #drawSignIn(wanted) {
        const form = byId("signin");
        if (form.hidden !== wanted) return;
        form.hidden = !wanted;
        if (!wanted) return;
        setText(byId("signin-text"), this.#i18n.t(this.#token ? "signin.wrong" : "signin.text"));
        byId("signin-field").focus();
    }

    #signIn(event) {
        event.preventDefault();
        const field = byId("signin-field");
        this.#token = setToken(field.value);
        field.value = "";
        this.#mistakes.use(this.#who());
        byId("sign-out").hidden = !this.#token;
        if (this.#token) this.#lesson.start();
    }

    /** A link with another token, opened in a page that is there already. */
    #onHash() {
        const before = this.#token;
        this.#token = takeToken();
        if (this.#token === before) return;
        this.#lesson.stop();
        location.reload();
    }

    #signOut() {
        this.#lesson.stop();
        setToken("");
        location.reload();
    }
}
