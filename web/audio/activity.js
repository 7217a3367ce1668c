/**
 * Level and voice activity of frames: energy above a noise floor that follows the room, with a
 * hangover over the pauses between words. A hint, no more: all audio is sent, and the server
 * judges for itself. Pure.
 */
const RISE_DB = 9; // above the floor: somebody begins to speak …
const FALL_DB = 5; // … and is still speaking
const QUIET_DBFS = -52; // nothing below is speech, however quiet the room
const FLOOR_MIN_DBFS = -75;
const FLOOR_START_DBFS = -48; // it falls faster than it rises
const FLOOR_UP_DB_S = 4; // how fast it follows louder noise
const FLOOR_DOWN_DB_S = 60;
const ONSET_MS = 100; // a click is no speech
const HANGOVER_MS = 500;
const HIGH_PASS_HZ = 90; // hum and handling noise

export class Activity {
    #rate;
    #pole;
    #last = 0;
    #filtered = 0;
    #floorDb = FLOOR_START_DBFS;
    #loudMs = 0;
    #quietMs = 0;
    #speaking = false;

    /** @param {number} rate samples a second */
    constructor(rate) {
        this.#rate = rate;
        this.#pole = Math.exp((-2 * Math.PI * HIGH_PASS_HZ) / rate);
    }

    /** The noise of the room, dB of full scale. */
    get floorDb() {
        return this.#floorDb;
    }

    /**
     * @param {Int16Array} frame
     * @returns {{rms: number, peak: number, speaking: boolean}} rms and peak: 0…1 of full scale
     */
    push(frame) {
        const { rms, peak } = this.#measure(frame);
        const ms = (frame.length * 1000) / this.#rate;
        const db = 20 * Math.log10(Math.max(rms, 1e-6));
        this.#decide(db, ms);
        this.#follow(db, ms);
        return { rms, peak, speaking: this.#speaking };
    }

    #measure(frame) {
        let sum = 0;
        let peak = 0;
        for (let i = 0; i < frame.length; i++) {
            const sample = frame[i] / 32768;
            this.#filtered = this.#pole * (this.#filtered + sample - this.#last);
            this.#last = sample;
            sum += this.#filtered * this.#filtered;
            peak = Math.max(peak, Math.abs(sample));
        }
        return { rms: frame.length > 0 ? Math.sqrt(sum / frame.length) : 0, peak };
    }

    #decide(db, ms) {
        const above = this.#speaking ? FALL_DB : RISE_DB;
        const loud = db > Math.max(QUIET_DBFS, this.#floorDb + above);
        this.#loudMs = loud ? this.#loudMs + ms : 0;
        this.#quietMs = loud ? 0 : this.#quietMs + ms;
        if (this.#loudMs >= ONSET_MS) {
            this.#speaking = true;
        } else if (this.#quietMs >= HANGOVER_MS) {
            this.#speaking = false;
        }
    }

    /* Speech lifts the floor too, slowly: its pauses bring it down again at once, and steady noise
     * does not stay speech for ever. */
    #follow(db, ms) {
        const room = Math.max(FLOOR_MIN_DBFS, db);
        const up = (FLOOR_UP_DB_S * ms) / 1000;
        const down = (FLOOR_DOWN_DB_S * ms) / 1000;
        this.#floorDb += Math.max(-down, Math.min(up, room - this.#floorDb));
    }
}
