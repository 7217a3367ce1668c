/**
 * What a browser remembers, where it lets us: in private windows and with cookies refused it may
 * throw at every touch, and then nothing is remembered.
 */
export class Remembered {
    #area;
    #prefix;

    /**
     * @param {"localStorage"|"sessionStorage"} area
     * @param {string} prefix of the names, "sotto." and the page's own
     */
    constructor(area, prefix) {
        this.#prefix = prefix;
        try {
            this.#area = globalThis[area] ?? null;
        } catch {
            this.#area = null;
        }
    }

    /** @returns {*} what was set, or `otherwise` */
    get(name, otherwise = null) {
        try {
            const text = this.#area.getItem(this.#prefix + name);
            return text === null ? otherwise : JSON.parse(text);
        } catch {
            return otherwise;
        }
    }

    /** @returns {boolean} whether it is remembered */
    set(name, value) {
        try {
            this.#area.setItem(this.#prefix + name, JSON.stringify(value));
            return true;
        } catch {
            return false;
        }
    }

    remove(name) {
        try {
            this.#area.removeItem(this.#prefix + name);
        } catch {
            /* Then it was never there. */
        }
    }
}
