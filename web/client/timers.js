/**
 * Named timers: one of each name may run, setting it again moves it.
 */
export class Timers {
    #env;
    #running = new Map();

    /** @param {{setTimeout: Function, clearTimeout: Function}} env */
    constructor(env) {
        this.#env = env;
    }

    set(name, ms, run) {
        this.clear(name);
        const onDue = () => {
            this.#running.delete(name);
            run();
        };
        this.#running.set(name, this.#env.setTimeout(onDue, ms));
    }

    has(name) {
        return this.#running.has(name);
    }

    clear(name) {
        this.#env.clearTimeout(this.#running.get(name));
        this.#running.delete(name);
    }

    clearAll() {
        for (const name of [...this.#running.keys()]) {
            this.clear(name);
        }
    }
}
