/** Learners of a real server: the page's own sessions, any number of them in one page, saying the bench's script. */
import { makeToken } from "./tokens.mjs";
import { RATE, Voice } from "./voice.mjs";

const SPEED = 3; // as fast as a server takes for a while

/** In the page: what holds the sessions. */
function hold() {
    const all = (window.learners = {});
    window.learn = async (name, token, settings, rate) => {
        const { Session } = await import("/web/client/session.js");
        const session = new Session({ token, settings, rate });
        const told = { messages: [], errors: [], state: null };
        session.addEventListener("message", ({ detail }) => told.messages.push(detail));
        session.addEventListener("state", ({ detail }) => (told.state = detail.state));
        session.addEventListener("error", ({ detail }) => told.errors.push(detail));
        const started = new Promise((resolve) => {
            session.addEventListener("started", ({ detail }) => resolve(detail.session), { once: true });
        });
        all[name] = { session, told };
        session.start();
        return started;
    };
    window.say = async (name, base64, samplesPerMs) => {
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        const pcm = new Int16Array(bytes.buffer);
        const begun = performance.now();
        for (let at = 0; at < pcm.length;) {
            const due = Math.min(pcm.length, Math.floor((performance.now() - begun + 50) * samplesPerMs));
            if (due > at) all[name].session.send(pcm.subarray(at, due));
            at = Math.max(at, due);
            await new Promise((resolve) => setTimeout(resolve, 25));
        }
    };
}

/** One of them. */
class Learner {
    #page;
    #voice;
    #said = 0;

    constructor(page, number, name, session) {
        this.#page = page;
        this.#voice = new Voice(number);
        this.name = name;
        this.session = session;
    }

    /** Says so many utterances, and waits until all that is final of them has come. */
    async say(count) {
        const pcm = this.#voice.say(count).toString("base64");
        this.#said += count;
        await this.#page.evaluate(([name, audio, pace]) => window.say(name, audio, pace),
            [this.name, pcm, (SPEED * RATE) / 1000]);
        await this.#page.waitForFunction(([name, said]) => {
            const finals = window.learners[name].told.messages.filter((message) => message.final);
            return ["transcript", "translation", "grammar"].every((kind) =>
                new Set(finals.filter(({ type }) => type === kind).map(({ segment }) => segment)).size >= said);
        }, [this.name, this.#said], { timeout: 60000 });
    }

    /** What it was told so far. */
    told() {
        return this.#page.evaluate((name) => window.learners[name].told, this.name);
    }
}

/**
 * Starts a session for each name, in its class, with a token of its own.
 * @param {object} page of the server's origin
 * @param {{name: string, class: string, targets: string[]}[]} whose
 * @returns {Promise<Learner[]>}
 */
export async function startLearners(page, whose) {
    await page.evaluate(hold);
    return Promise.all(whose.map(async ({ name, class: group, targets }, i) => {
        const token = makeToken({ role: "learner", sub: `learner ${i}`, class: group });
        const settings = { source: "en", targets, grammar: true, name };
        const session = await page.evaluate(([...args]) => window.learn(...args), [name, token, settings, RATE]);
        return new Learner(page, i + 1, name, session);
    }));
}
