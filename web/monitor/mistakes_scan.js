/**
 * Reads the corrections of all sessions out of their stored transcripts, and goes on where it
 * stopped: a session is asked again only after its count of mistakes has become another one.
 */
import { getJson } from "./http.js";
import { Mistakes } from "./stats.js";

const LIMIT = 500;
const AT_ONCE = 2;
/** Failures after which a run gives up: nothing may be stored at all. */
const FAILURES_MAX = 3;

export class MistakesScan {
    #get;
    #read = new Map();
    mistakes = new Mistakes();
    #failures = 0;

    /** @param {(path: string, signal?: AbortSignal) => Promise<object>} [get] for tests */
    constructor(get = getJson) {
        this.#get = get;
    }

    /** Whether the last run could not read everything. */
    get failed() {
        return this.#failures > 0;
    }

    /**
     * @param {{session: string, mistakes: number}[]} states
     * @param {AbortSignal} [signal] ends it between two requests
     */
    async run(states, signal) {
        this.#failures = 0;
        const due = states.filter((state) =>
            state.mistakes !== (this.#read.get(state.session)?.mistakes ?? 0));
        const next = async () => {
            while (due.length > 0 && !signal?.aborted && this.#failures < FAILURES_MAX) {
                const state = due.pop();
                await this.#readOne(state.session, state.mistakes, signal);
            }
        };
        await Promise.all(Array.from({ length: AT_ONCE }, next));
    }

    async #readOne(session, mistakes, signal) {
        const read = this.#read.get(session) ?? { seq: 0, mistakes: 0 };
        this.#read.set(session, read);
        const base = `/v1/sessions/${encodeURIComponent(session)}/transcript.json`;
        try {
            for (let more = true; more;) {
                const page = await this.#get(`${base}?after=${read.seq}&limit=${LIMIT}`, signal);
                const messages = Array.isArray(page.messages) ? page.messages : [];
                for (const message of messages) this.#take(read, message);
                more = page.next !== undefined && messages.length > 0;
            }
            read.mistakes = mistakes;
        } catch {
            if (!signal?.aborted) this.#failures++;
        }
    }

    #take(read, message) {
        if (!(message.seq > read.seq)) return;
        read.seq = message.seq;
        if (message.type === "grammar") this.mistakes.add(message);
    }
}
