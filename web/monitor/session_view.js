/**
 * The opened session: its whole transcript with corrections, translations, audio times and notes,
 * what is being said now, and the way back through its history. It stays at the newest sentence
 * unless somebody has scrolled away from it.
 *
 * Event: "close".
 */
import { emit } from "../client/emit.js";
import { Transcript } from "../client/transcript.js";
import { byId, setText } from "../shared/dom.js";
import { directionOf, shortLanguageName } from "../shared/languages.js";
import { attention } from "./attention.js";
import { messagesOf } from "./messages.js";
import { problemText } from "./problem.js";
import { audioTime, Sentence, translationLines } from "./sentence.js";
import { nameOf, reasonText } from "./tile.js";

const PAGE = 40;
/** Sentences kept on the page; past it no more history is loaded. */
const SEGMENTS_MAX = 4000;
const NEAR_PX = 60;

export class SessionView extends EventTarget {
    #i18n;
    #store;
    #feed;
    #frame;
    #dialog = byId("session");
    #list = byId("sentences");
    #scroller = byId("session-scroll");
    #live = byId("session-live");
    #session = "";
    #state = null;
    #transcript = null;
    #sentences = new Map();
    #ends = [];
    #more = false;
    #loading = false;

    constructor({ store, feed, frame, i18n }) {
        super();
        this.#store = store;
        this.#feed = feed;
        this.#frame = frame;
        this.#i18n = i18n;
        const on = (target, type, listener) => {
            target.addEventListener(type, listener);
            this.#ends.push(() => target.removeEventListener(type, listener));
        };
        on(byId("session-close"), "click", () => this.close());
        on(byId("session-earlier"), "click", () => this.#loadEarlier());
        on(byId("session-latest"), "click", () => this.#toLatest());
        on(this.#scroller, "scroll", () => this.#onScroll());
        on(this.#dialog, "cancel", (event) => this.#onCancel(event));
        on(this.#dialog, "keydown", (event) => this.#onKey(event));
        on(feed, "finals", (event) => this.#apply(event.detail.finals));
        on(feed, "snapshot", () => this.#loadNewest());
        on(feed, "state", (event) => this.#onState(event.detail.state));
        this.#ends.push(store.onMembers((news) => this.#onMembers(news)));
    }

    /** The session that is open, or "". */
    get session() {
        return this.#session;
    }

    open(session) {
        if (session === this.#session || !this.#store.get(session)) return;
        this.#leave();
        this.#session = session;
        this.#state = this.#store.get(session);
        this.#transcript = new Transcript({ segmentsMax: SEGMENTS_MAX });
        this.#transcript.addEventListener("change", (event) => this.#onChange(event.detail));
        this.#endState = this.#store.subscribe(session, () => this.#askDraw());
        byId("session-gone").hidden = true;
        if (!this.#dialog.open) this.#show();
        byId("session-name").focus();
        this.#draw();
        this.#note("open.loading");
        // Its snapshot asks for the newest sentences; what is final from then on comes by itself.
        this.#feed.watch({ sessions: [session] });
    }

    close() {
        if (this.#session === "") return;
        const session = this.#session;
        this.#leave();
        this.#dialog.close();
        this.#feed.watch({ sessions: [] });
        emit(this, "close", { session });
    }

    /** Lets go of everything; the view cannot be used any more. */
    end() {
        this.close();
        for (const end of this.#ends) end();
    }

    #endState = () => {};

    #show() {
        const phone = matchMedia("(max-width: 760px)").matches;
        if (phone) this.#dialog.showModal();
        else this.#dialog.show();
    }

    /** Nothing can be typed beside a dialog that fills the page: not even a code to sign in. */
    #onState(state) {
        if (state === "unauthorized" && this.#dialog.matches(":modal")) this.#dialog.close();
        else if (state === "live" && this.#session !== "" && !this.#dialog.open) this.#show();
    }

    #leave() {
        this.#endState();
        this.#endState = () => {};
        for (const key of this.#sentences.keys()) this.#frame.drop(`sentence ${key}`);
        this.#frame.drop(this);
        this.#sentences.clear();
        this.#list.replaceChildren();
        byId("session-live-lines").replaceChildren();
        for (const id of ["name", "languages", "why", "live-text", "gone"]) {
            setText(byId(`session-${id}`), "");
        }
        this.#session = "";
        this.#transcript = null;
        this.#more = false;
        this.#loading = false;
    }

    #onCancel(event) {
        event.preventDefault();
        this.close();
    }

    #onKey(event) {
        if (event.key === "Escape") this.close();
    }

    #onMembers({ added, gone }) {
        if (this.#session === "") return;
        if (gone.includes(this.#session)) {
            byId("session-gone").hidden = false;
            const name = nameOf(this.#i18n, this.#state);
            setText(byId("session-gone"), this.#i18n.t("open.gone", { name }));
            this.#live.hidden = true;
        } else if (added.includes(this.#session)) {
            byId("session-gone").hidden = true;
            this.#askDraw();
            // What became final before the server knew that somebody watches is in its history.
            this.#loadNewest();
        }
    }

    /* --- what is said --- */

    #apply(messages) {
        for (const message of messages) {
            if ((message.session ?? this.#session) === this.#session) {
                this.#transcript?.apply(message);
            }
        }
    }

    #onChange({ change, segment }) {
        const number = segment.segment;
        if (change === "removed") return this.#remove(number);
        if (!this.#more && !this.#loading) this.#note("open.first");
        this.#frame.ask(`sentence ${number}`, () => this.#keepPlace(() => this.#put(segment)));
        this.#askDraw();
    }

    #put(segment) {
        const there = this.#sentences.get(segment.segment);
        if (there) return there.draw(segment);
        const session = this.#session;
        const sentence = new Sentence(this.#i18n, segment, this.#state.targets, (note) =>
            this.#feed.flag(session, segment.segment, note));
        const { segments } = this.#transcript;
        const after = segments.slice(segments.indexOf(segment) + 1)
            .find((later) => this.#sentences.has(later.segment));
        const next = after ? this.#sentences.get(after.segment).root : null;
        this.#list.insertBefore(sentence.root, next);
        this.#sentences.set(segment.segment, sentence);
    }

    #remove(number) {
        this.#frame.drop(`sentence ${number}`);
        this.#sentences.get(number)?.root.remove();
        this.#sentences.delete(number);
    }

    /** Draws, and stays at the end, or at what stands on the page, whatever grows above it. */
    #keepPlace(draw) {
        const box = this.#scroller;
        const atEnd = this.#isAtEnd;
        const fromEnd = box.scrollHeight - box.scrollTop;
        const above = this.#loading;
        draw();
        if (atEnd && !above) box.scrollTop = box.scrollHeight;
        else if (above) box.scrollTop = box.scrollHeight - fromEnd;
    }

    get #isAtEnd() {
        const box = this.#scroller;
        return box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
    }

    #toLatest() {
        this.#scroller.scrollTop = this.#scroller.scrollHeight;
    }

    #onScroll() {
        byId("session-latest").hidden = this.#isAtEnd;
        if (this.#scroller.scrollTop < NEAR_PX && this.#more) this.#loadEarlier();
    }

    /* --- history --- */

    /** The newest sentences, at the beginning and whenever the connection has been away. */
    async #loadNewest() {
        if (this.#session === "") return;
        const newest = this.#transcript.segments.at(-1)?.segment ?? 0;
        const answer = await this.#history(undefined);
        if (!answer) return;
        const messages = answer.segments.flatMap(messagesOf);
        const oldest = Math.min(...messages.map((message) => message.segment));
        if (newest > 0 && oldest > newest + 1) this.#forget();
        if (newest === 0 || oldest > newest + 1) this.#more = answer.more === true;
        this.#apply(messages);
        if (newest === 0) this.#frame.ask("session end", () => this.#toLatest());
        this.#note(this.#more ? "" : messages.length > 0 ? "open.first" : "open.waiting");
    }

    /** What was missed is more than a page: begin anew rather than show a hole. */
    #forget() {
        for (const number of [...this.#sentences.keys()]) this.#remove(number);
        this.#transcript.clear();
    }

    async #loadEarlier() {
        const first = this.#transcript?.segments[0]?.segment;
        if (first === undefined || this.#loading || !this.#more) return;
        this.#loading = true;
        this.#note("open.loading");
        const answer = await this.#history(first);
        if (!answer) return;
        this.#apply(answer.segments.flatMap(messagesOf));
        const room = this.#transcript.segments.length + PAGE <= SEGMENTS_MAX;
        this.#more = answer.more === true && room;
        this.#note(this.#more ? "" : "open.first");
        this.#frame.ask("session earlier", () => (this.#loading = false));
    }

    /** @returns {Promise<object|null>} null when there is none, which the page then says */
    async #history(before) {
        const session = this.#session;
        try {
            const answer = await this.#feed.history(session, before, PAGE);
            return session === this.#session ? answer : null;
        } catch (error) {
            if (session !== this.#session) return null;
            this.#loading = false;
            const message = problemText(this.#i18n, error);
            if (error.code !== "closed") this.#note("open.unavailable", { message });
            return null;
        }
    }

    #note(key, values) {
        byId("session-earlier").hidden = !this.#more || this.#loading;
        setText(byId("session-note"), key === "" ? "" : this.#i18n.t(key, values));
    }

    /* --- the session as it is now --- */

    #askDraw() {
        this.#frame.ask(this, () => this.#keepPlace(() => this.#draw()));
    }

    #draw() {
        const state = this.#store.get(this.#session);
        if (!state) return;
        this.#state = state;
        const name = nameOf(this.#i18n, state);
        setText(byId("session-name"), name);
        this.#dialog.setAttribute("aria-label", this.#i18n.t("open.label", { name }));
        const { language } = this.#i18n;
        const languages = state.targets.map((target) => shortLanguageName(target, language));
        setText(byId("session-languages"),
            [shortLanguageName(state.source, language), languages.join(", ")].filter(Boolean)
                .join(" → "));
        this.#drawFigures(state);
        this.#drawLive(state);
    }

    #drawFigures(state) {
        const { reasons } = attention(state, performance.now());
        setText(byId("session-why"),
            reasons.map((reason) => reasonText(this.#i18n, reason)).join(" · "));
        setText(byId("session-audio"), audioTime(state.audio_ms));
        setText(byId("session-mistakes"), this.#i18n.number(state.mistakes));
        setText(byId("session-reconnects"), this.#i18n.number(state.health.reconnects));
        const s = this.#i18n.number(state.health.p95_ms / 1000, { maximumFractionDigits: 1 });
        setText(byId("session-latency"),
            state.health.p95_ms > 0 ? this.#i18n.t("tile.latency", { s }) : "–");
    }

    /** The open segment, until its final stands in the list. */
    #drawLive(state) {
        const done = this.#transcript.get(state.segment)?.final === true;
        this.#live.hidden = done || state.text === "";
        if (this.#live.hidden) return;
        const text = byId("session-live-text");
        setText(text, state.text);
        text.dir = directionOf(state.source);
        text.lang = state.source;
        byId("session-live-lines").replaceChildren(
            ...translationLines(this.#i18n, state.translations, state.targets, (line) => line));
    }
}
