/**
 * Audio that was spoken and may be asked for again: the newest samples up to a bound, until the
 * server says that nothing more is owed for them. Positions count samples since the beginning.
 */
export class Keep {
    #chunks = []; // {at, pcm}: behind each other, the oldest first
    #max;

    /** @param {number} max samples */
    constructor(max) {
        this.#max = max;
        /** Position of the oldest sample kept. */
        this.from = 0;
        /** Of the next to come. */
        this.to = 0;
        /** Nothing is owed for what is before. */
        this.acked = 0;
    }

    /**
     * Another bound; what is past it is given up.
     * @returns {number} as put()
     */
    bound(max) {
        this.#max = max;
        return this.#trim();
    }

    /**
     * Appends; the oldest are given up for it when there is no room.
     * @param {Int16Array} pcm kept, not copied
     * @returns {number} samples that were owed and are given up
     */
    put(pcm) {
        if (pcm.length > 0) {
            this.#chunks.push({ at: this.to, pcm });
            this.to += pcm.length;
        }
        return this.#trim();
    }

    /** Nothing more is owed for the audio before a position. */
    forget(position) {
        this.acked = Math.max(this.acked, Math.min(position, this.to));
        while (this.#chunks.length > 0 && this.#end(this.#chunks[0]) <= this.acked) {
            this.#chunks.shift();
        }
        this.from = this.#chunks.length > 0 ? this.#chunks[0].at : this.to;
    }

    /**
     * @param {number} position
     * @param {number} count at most; ends with the newest sample
     * @returns {Int16Array} a copy; zeros stand for what is not kept
     */
    get(position, count) {
        const end = Math.min(position + count, this.to);
        const out = new Int16Array(Math.max(0, end - position));
        for (let i = this.#find(position); i < this.#chunks.length; i++) {
            const { at, pcm } = this.#chunks[i];
            if (at >= end) {
                break;
            }
            const skip = Math.max(0, position - at);
            out.set(pcm.subarray(skip, end - at), at + skip - position);
        }
        return out;
    }

    #end({ at, pcm }) {
        return at + pcm.length;
    }

    /* The first chunk that ends behind a position. */
    #find(position) {
        let low = 0;
        let high = this.#chunks.length;
        while (low < high) {
            const middle = (low + high) >> 1;
            if (this.#end(this.#chunks[middle]) <= position) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    #trim() {
        const from = this.to - this.#max;
        const owed = Math.max(this.from, this.acked);
        if (this.from >= from) {
            return 0;
        }
        while (this.#chunks.length > 0 && this.#end(this.#chunks[0]) <= from) {
            this.#chunks.shift();
        }
        const first = this.#chunks[0];
        if (first !== undefined && first.at < from) {
            first.pcm = first.pcm.subarray(from - first.at);
            first.at = from;
        }
        this.from = from;
        return Math.max(0, from - owed);
    }
}
