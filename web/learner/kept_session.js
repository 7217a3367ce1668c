/**
 * The session of this tab, kept over a reload: how it is resumed, and nothing of what was said.
 *
 * A tab that is duplicated takes a copy of what is kept along. A session is for one tab, though:
 * the tab it lives in holds a lock of its name, and a copy elsewhere is let go of. Where a browser
 * has no locks the newer tab takes the session over, and the older one is told so by the server.
 */
import { Remembered } from "../shared/storage.js";

const LOCK_MS = 1500; // a tab that reloads gives its lock up a moment after we ask for it

export class KeptSession {
    #kept;
    #locks;
    #held = ""; // id of the session whose lock we hold, or wait for
    #release = () => {};

    /**
     * @param {Remembered} [kept]
     * @param {LockManager|null} [locks] null or undefined: the browser has none
     */
    constructor(
        kept = new Remembered("sessionStorage", "sotto.learner."),
        locks = globalThis.navigator?.locks,
    ) {
        this.#kept = kept;
        this.#locks = locks;
    }

    /**
     * The session to go on with, if there is one.
     * @param {string} who uses the page: nobody goes on with the session of somebody else
     * @returns {Promise<{resume: {session: string, token: string}|null, elsewhere: boolean}>}
     *     elsewhere: it lives in another tab
     */
    async take(who) {
        const { session, token, who: whose } = this.#kept.get("session", null) ?? {};
        if (typeof session !== "string" || typeof token !== "string" || whose !== who) {
            this.forget();
            return { resume: null, elsewhere: false };
        }
        if (await this.#hold(session)) return { resume: { session, token }, elsewhere: false };
        // Meanwhile somebody may have pressed the button here, and another one begun.
        if (this.#kept.get("session", null)?.session === session) this.#kept.remove("session");
        return { resume: null, elsewhere: true };
    }

    /**
     * @param {{session: string, token: string}|null} resume the newest of this tab's session; null
     *     where the server keeps none
     */
    keep(resume, who) {
        if (resume === null) {
            this.forget();
            return;
        }
        this.#kept.set("session", { ...resume, who });
        this.#hold(resume.session);
    }

    /** There is no session to go on with after a reload. */
    forget() {
        this.#kept.remove("session");
        this.#free();
    }

    #free() {
        this.#release();
        this.#release = () => {};
        this.#held = "";
    }

    /** Resolves when it is clear whether the session is ours. */
    async #hold(session) {
        if (!this.#locks || this.#held === session) return true;
        this.#free();
        this.#held = session;
        const late = new AbortController();
        const timer = setTimeout(() => late.abort(), LOCK_MS);
        return new Promise((resolve) => {
            const have = () => new Promise((release) => {
                clearTimeout(timer);
                if (this.#held !== session) release(); // forgotten meanwhile
                else this.#release = release;
                resolve(true);
            });
            this.#locks.request(`sotto.session.${session}`, { signal: late.signal }, have)
                .catch((error) => {
                    if (this.#held === session) this.#held = "";
                    resolve(error.name !== "AbortError"); // no locks for us: as if there were none
                });
        });
    }
}
