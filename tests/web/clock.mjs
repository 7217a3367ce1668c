/** Time that passes when a test says so, and randomness with a seed. */
export class Clock {
    nowMs = 0;
    #timers = new Map();
    #next = 1;

    setTimeout = (run, ms) => {
        this.#timers.set(this.#next, { at: this.nowMs + Math.max(0, ms), run });
        return this.#next++;
    };

    clearTimeout = (timer) => {
        this.#timers.delete(timer);
    };

    now = () => this.nowMs;

    get timers() {
        return this.#timers.size;
    }

    /** Runs what is due in the next `ms`, in order. */
    pass(ms) {
        const end = this.nowMs + ms;
        for (;;) {
            const due = [...this.#timers].filter(([, { at }]) => at <= end);
            if (due.length === 0) {
                break;
            }
            const [id, { at, run }] = due.reduce((a, b) => (b[1].at < a[1].at ? b : a));
            this.#timers.delete(id);
            this.nowMs = Math.max(this.nowMs, at);
            run();
        }
        this.nowMs = end;
    }

    /** The machine sleeps: no timer runs meanwhile. */
    sleep(ms) {
        this.nowMs += ms;
    }
}

/** Mulberry32. */
export function random(seed) {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let t = Math.imul(state ^ (state >>> 15), state | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
}
