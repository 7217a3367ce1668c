/**
 * The wall: a tile for each session that the view shows, in the view's order. A change of a session
 * reaches its own tile and nothing else. Tiles change places only now and then, and not while
 * somebody points at one or has the focus on one; then the wall says that there is a newer order.
 * A pointer that was left lying there does not hold it for ever.
 *
 * Events: "open" {session}, "shown" {shown, all, attention}, "stale" {stale}: whether a newer order
 * waits.
 */
import { emit } from "../client/emit.js";
import { FINE } from "./attention.js";
import { arrange, staying } from "./order.js";
import { Tile } from "./tile.js";

/** How often tiles may change places. */
export const ARRANGE_MS = 4000;
/** Who has not moved for so long does not look at a tile any more. */
export const HOLD_MS = 60000;

const SIGNS = ["pointermove", "pointerdown", "wheel", "keydown", "focusin"];

export class Wall extends EventTarget {
    #list;
    #store;
    #frame;
    #i18n;
    #counters;
    #view = { sort: "attention", show: "all", search: "", language: "" };
    #collator;
    #tiles = new Map();
    #order = [];
    #now;
    #timer;
    #pressed = false;
    #signAt = -HOLD_MS;
    #ends = [];

    /**
     * @param {{list: HTMLElement, store: object, frame: object, i18n: object, counters: object,
     *     now?: () => number}} parts `list` is an empty list element
     */
    constructor({ list, store, frame, i18n, counters, now = () => performance.now() }) {
        super();
        this.#list = list;
        this.#store = store;
        this.#frame = frame;
        this.#i18n = i18n;
        this.#counters = counters;
        this.#now = now;
        this.#collator = new Intl.Collator(i18n.language, { numeric: true });
        this.#ends.push(store.onMembers((news) => this.#onMembers(news)));
        for (const sign of SIGNS) this.#on(list, sign, () => (this.#signAt = this.#now()));
        this.#on(list, "pointerdown", () => (this.#pressed = true));
        for (const end of ["pointerup", "pointercancel"]) {
            this.#on(document, end, () => (this.#pressed = false));
        }
        this.#timer = setInterval(() => this.#frame.ask(this, () => this.#arrange(false)),
                                  ARRANGE_MS);
        this.#arrange(true);
    }

    /** Changes what is shown and in which order, at once. */
    setView(view) {
        this.#view = { ...this.#view, ...view };
        this.#arrange(true);
    }

    /** Looks at everything anew; what somebody points at stays. */
    look() {
        this.#arrange(false);
    }

    /** Puts the tiles into their newest order though somebody points at one. */
    refresh() {
        this.#arrange(true);
    }

    /** Puts the focus on a session's tile, when it is there. */
    focus(session) {
        this.#tiles.get(session)?.tile.root.querySelector("button").focus();
    }

    close() {
        clearInterval(this.#timer);
        for (const end of this.#ends) end();
        for (const session of [...this.#tiles.keys()]) this.#remove(session);
    }

    #on(target, type, listener) {
        target.addEventListener(type, listener, { passive: true });
        this.#ends.push(() => target.removeEventListener(type, listener));
    }

    /** A finger that has touched a tile does not point at it any more. */
    get #held() {
        if (this.#pressed) return true;
        if (this.#now() - this.#signAt >= HOLD_MS) return false;
        const pointed = matchMedia("(hover: hover)").matches && this.#list.matches(":hover");
        return pointed || this.#list.contains(document.activeElement);
    }

    #onMembers({ gone }) {
        for (const session of gone) this.#tiles.get(session)?.tile.drawGone();
        this.#frame.ask(this, () => this.#arrange(false));
    }

    /** @param {boolean} wanted by the user: then nothing holds it back */
    #arrange(wanted) {
        const states = this.#store.states();
        const { ids, levels } = arrange(states, { ...this.#view, now: this.#now() },
                                        this.#collator);
        const held = !wanted && this.#held;
        const order = held ? this.#keepPlaces(ids) : ids;
        this.#show(order);
        for (const session of order) {
            const of = levels.get(session);
            if (of) this.#tiles.get(session).tile.drawAttention(of);
        }
        const needing = [...levels.values()].filter((of) => of.level > FINE).length;
        emit(this, "shown", { shown: ids.length, all: states.length, attention: needing });
        emit(this, "stale", { stale: held && order.some((session, i) => session !== ids[i]) });
    }

    /** What is there stays where it is, what has come stands at the end. */
    #keepPlaces(ids) {
        const there = new Set(this.#order);
        return [...this.#order, ...ids.filter((session) => !there.has(session))];
    }

    /** The focus goes with its tile; from one that is gone it goes to the wall. */
    #show(order) {
        const focused = document.activeElement;
        const here = this.#list.contains(focused);
        this.#place(order);
        if (!here || document.activeElement === focused) return;
        (focused.isConnected ? focused : this.#list).focus({ preventScroll: true });
    }

    #place(order) {
        const wanted = new Set(order);
        for (const session of this.#order) if (!wanted.has(session)) this.#remove(session);
        const stay = staying(this.#order.filter((session) => wanted.has(session)), order);
        let next = null;
        for (const session of [...order].reverse()) {
            const there = this.#tiles.get(session);
            const root = (there ?? this.#add(session)).tile.root;
            if (!there || !stay.has(session)) this.#list.insertBefore(root, next);
            next = root;
        }
        this.#order = order;
    }

    #add(session) {
        const tile = new Tile(this.#i18n, this.#store.get(session),
                              () => emit(this, "open", { session }));
        const entry = { tile, end: this.#store.subscribe(session, () => this.#onChange(session)) };
        this.#tiles.set(session, entry);
        return entry;
    }

    #remove(session) {
        const { tile, end } = this.#tiles.get(session);
        end();
        this.#frame.drop(tile);
        tile.root.remove();
        this.#tiles.delete(session);
    }

    #onChange(session) {
        const { tile } = this.#tiles.get(session);
        this.#counters.updates++;
        const asked = this.#frame.ask(tile, () => {
            const state = this.#store.get(session);
            if (!state) return;
            tile.draw(state);
            this.#counters.tileRenders++;
        });
        if (!asked) this.#counters.coalesced++;
    }
}
