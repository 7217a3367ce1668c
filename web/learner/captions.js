/**
 * All sentences of the page, the newest at the bottom and in view, drawn at most once a frame and
 * only where something changed.
 */
import { FrameDraw } from "../shared/dom.js";
import { Caption } from "./caption.js";

/** So near to the bottom somebody reads along. */
const NEAR_BOTTOM_PX = 80;
const FOUND_MS = 2000;

export class Captions {
    #i18n;
    #scroller;
    #list;
    #follow;
    #targets = [];
    #rows = new Map();
    #dirty = new Set();
    #newest = null;
    #following = true;
    #drawing = new FrameDraw(() => this.#draw());

    /**
     * @param {import("../shared/i18n.js").I18n} i18n
     * @param {{scroller: HTMLElement, list: HTMLElement, follow: HTMLElement}} nodes follow: the
     *     button that brings the newest back
     */
    constructor(i18n, { scroller, list, follow }) {
        this.#i18n = i18n;
        this.#scroller = scroller;
        this.#list = list;
        this.#follow = follow;
        scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
        follow.addEventListener("click", () => this.showNewest());
        i18n.addEventListener("change", () => this.#translate());
        new ResizeObserver(() => this.relayout()).observe(scroller);
    }

    get isEmpty() {
        return this.#rows.size === 0;
    }

    set targets(targets) {
        this.#targets = targets;
        if (this.#newest) this.#touch(this.#newest);
    }

    /** A change of a take's transcript. */
    onSegment({ take, change }) {
        const place = placeOf(take, change.segment);
        if (change.change === "removed") {
            this.#remove(place);
            return;
        }
        const { segment } = change;
        if (!this.#rows.has(place)) {
            if (!hasContent(segment)) return;
            this.#add(place, take, segment);
        }
        this.#touch(this.#rows.get(place));
    }

    /** Lines are broken anew: other width, other size. */
    relayout() {
        this.#newest?.caption.release();
        this.#drawing.ask();
    }

    showNewest() {
        this.#following = true;
        this.#drawing.ask();
    }

    /** Brings a sentence into view and lets it be seen for a moment. @returns {boolean} */
    find(place) {
        const row = this.#rows.get(place);
        if (!row) return false;
        this.#following = false;
        row.caption.node.scrollIntoView({ block: "center" });
        row.caption.node.classList.add("is-found");
        setTimeout(() => row.caption.node.classList.remove("is-found"), FOUND_MS);
        (row.caption.firstMark() ?? this.#scroller).focus({ preventScroll: true });
        return true;
    }

    #add(place, take, segment) {
        const row = { take, segment, place, caption: new Caption(this.#i18n, take.source) };
        this.#rows.set(place, row);
        const after = this.#newest && isBefore(row, this.#newest) ? this.#successor(row) : null;
        this.#list.insertBefore(row.caption.node, after?.caption.node ?? null);
        if (after) {
            row.caption.settle();
            return;
        }
        const last = this.#newest;
        this.#newest = row;
        last?.caption.settle();
        if (last) this.#touch(last);
    }

    /** The row that a late one stands before: grammar or notes may come before words do. */
    #successor(row) {
        const later = [...this.#rows.values()].filter((other) => isBefore(row, other));
        return later.reduce((a, b) => (a && isBefore(a, b) ? a : b), null);
    }

    #remove(place) {
        const row = this.#rows.get(place);
        if (!row) return;
        row.caption.node.remove();
        this.#rows.delete(place);
        this.#dirty.delete(row);
        if (this.#newest === row) this.#newest = null;
    }

    #touch(row) {
        this.#dirty.add(row);
        this.#drawing.ask();
    }

    #translate() {
        for (const row of this.#rows.values()) row.caption.translate(row.segment, this.#targets);
    }

    #draw() {
        for (const row of this.#dirty) row.caption.draw(row.segment, this.#targets);
        this.#dirty.clear();
        if (this.#following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
        this.#onScroll();
    }

    #onScroll() {
        const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
        this.#following = scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM_PX;
        this.#follow.hidden = this.#following || this.isEmpty;
    }
}

/** @returns {string} the name of a sentence on this page */
export function placeOf(take, segment) {
    return `${take.session || take.number}/${segment.segment}`;
}

function isBefore(a, b) {
    if (a.take.number !== b.take.number) return a.take.number < b.take.number;
    return a.segment.segment < b.segment.segment;
}

function hasContent(segment) {
    return Boolean(segment.committed || segment.tentative || segment.notes.length);
}
