/**
 * Draws at most once a frame: what has changed since the last one, each thing once. A page that is
 * not visible draws nothing and remembers only what it will have to draw.
 */
const BROWSER = {
    request: (run) => requestAnimationFrame(run),
    cancel: (id) => cancelAnimationFrame(id),
};

export class Frame {
    #dirty = new Map();
    #pending = 0;
    #request;
    #cancel;
    #onFrame;

    /**
     * @param {(drawn: number) => void} [onFrame] told how many things were drawn
     * @param {{request: Function, cancel: Function}} [clock] for tests
     */
    constructor(onFrame = () => {}, clock = BROWSER) {
        this.#onFrame = onFrame;
        this.#request = clock.request;
        this.#cancel = clock.cancel;
    }

    /**
     * Asks for `draw()` in the next frame.
     * @param {*} key what is drawn
     * @returns {boolean} false when it was asked for already
     */
    ask(key, draw) {
        if (this.#dirty.has(key)) return false;
        this.#dirty.set(key, draw);
        if (this.#pending === 0) this.#pending = this.#request(() => this.#run());
        return true;
    }

    /** Forgets about `key`. */
    drop(key) {
        this.#dirty.delete(key);
    }

    /** Forgets everything. */
    close() {
        this.#dirty.clear();
        if (this.#pending !== 0) this.#cancel(this.#pending);
        this.#pending = 0;
    }

    #run() {
        this.#pending = 0;
        const draws = [...this.#dirty.values()];
        this.#dirty.clear();
        for (const draw of draws) draw();
        this.#onFrame(draws.length);
    }
}
