/**
 * What is known of all sessions, outside of any view. A view subscribes to one session and hears of
 * that one only: a message that changes three sessions makes three calls, however many tiles there
 * are.
 */
import { stateMerge, stateOf } from "./state.js";

export class Store {
    #states = new Map();
    #subscribers = new Map();
    #members = new Set();
    #now;

    /** @param {() => number} [now] milliseconds of a clock that only goes forward */
    constructor(now = () => performance.now()) {
        this.#now = now;
    }

    get size() {
        return this.#states.size;
    }

    /** @returns {object|undefined} the session's state: read it, never write it */
    get(session) {
        return this.#states.get(session);
    }

    /** All states, in the order in which the sessions came. */
    states() {
        return [...this.#states.values()];
    }

    /**
     * Calls `notify()` whenever something of this session has changed.
     * @returns {() => void} ends it
     */
    subscribe(session, notify) {
        let set = this.#subscribers.get(session);
        if (!set) this.#subscribers.set(session, (set = new Set()));
        set.add(notify);
        return () => {
            set.delete(notify);
            const current = this.#subscribers.get(session) === set;
            if (current && set.size === 0) this.#subscribers.delete(session);
        };
    }

    /**
     * Calls `notify({added, gone})`, both lists of ids, when sessions come and go.
     * @returns {() => void} ends it
     */
    onMembers(notify) {
        this.#members.add(notify);
        return () => this.#members.delete(notify);
    }

    /**
     * A snapshot: these are all sessions there are. What is as it was before makes no call.
     * @returns {number} how many sessions have changed
     */
    replace(states) {
        const there = new Set(states.map((state) => state.session));
        const gone = [...this.#states.keys()].filter((session) => !there.has(session));
        return this.change(states, gone);
    }

    /**
     * A delta: the fields that changed of some sessions, and the sessions that are gone.
     * @returns {number} how many sessions that were known have changed
     */
    change(changed, gone = []) {
        const added = [];
        const touched = new Set();
        for (const change of changed) this.#merge(change, added, touched);
        const left = gone.filter((session) => this.#states.delete(session));
        if (added.length > 0 || left.length > 0) this.#tell(this.#members, { added, gone: left });
        for (const session of touched) this.#tell(this.#subscribers.get(session) ?? []);
        return touched.size;
    }

    #merge(change, added, touched) {
        const session = change?.session;
        if (typeof session !== "string" || session === "") return;
        let state = this.#states.get(session);
        const isNew = state === undefined;
        if (isNew) {
            state = stateOf(session);
            state.heardAt = this.#now();
            this.#states.set(session, state);
            added.push(session);
        }
        const before = state.text;
        if (!stateMerge(state, change)) return;
        if (state.speaking || state.text !== before) state.heardAt = this.#now();
        if (!isNew) touched.add(session);
    }

    #tell(listeners, news) {
        for (const notify of [...listeners]) notify(news);
    }
}
