/**
 * The programs under test: started on free ports of loopback, with a store of their own, and ended by their pid.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
export const BIN = process.env.SOTTO_BIN ?? join(ROOT, "build", "bin");

const READY_MS = 60000;
const STOP_MS = 15000;
const LOG_CHARS = 1 << 20;

const running = new Set();
const folders = new Set();

// A failed test leaves nothing running.
process.on("exit", () => {
    for (const program of running) program.process.kill("SIGKILL");
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/** A folder that is gone after the test. */
export function makeFolder() {
    const folder = mkdtempSync(join(tmpdir(), "sotto-browser-"));
    folders.add(folder);
    return folder;
}

/** A program of the build, started. */
export class Program {
    constructor(name, ...args) {
        this.name = name;
        this.output = "";
        this.process = spawn(join(BIN, name), args.map(String), { stdio: ["ignore", "pipe", "pipe"] });
        this.ended = new Promise((resolve) => {
            this.process.on("exit", (code, signal) => resolve(signal ?? code));
            this.process.on("error", (error) => resolve(error.message));
        });
        running.add(this);
        this.ended.then(() => running.delete(this));
        for (const stream of [this.process.stdout, this.process.stderr])
            stream.on("data", (data) => {
                this.output = (this.output + data).slice(-LOG_CHARS);
            });
    }

    /** The match of what the program says when it is ready. */
    async says(pattern, limitMs = READY_MS) {
        const end = Date.now() + limitMs;
        let over = null;
        this.ended.then((how) => {
            over = how;
        });
        for (;;) {
            const match = pattern.exec(this.output);
            if (match) return match;
            if (over !== null || Date.now() > end)
                throw new Error(`${this.name} did not say ${pattern} (ended: ${over}):\n${this.output.slice(-3000)}`);
            await new Promise((resolve) => setTimeout(resolve, 20));
        }
    }

    async stop(signal = "SIGTERM") {
        this.process.kill(signal);
        const late = setTimeout(() => this.process.kill("SIGKILL"), STOP_MS);
        const how = await this.ended;
        clearTimeout(late);
        if (signal === "SIGTERM" && how !== 0)
            throw new Error(`${this.name} ended with ${how}:\n${this.output.slice(-3000)}`);
    }
}

/** `sotto-local`: hears, translates and corrects in earnest. */
export async function startLocal(...args) {
    const folder = makeFolder();
    const program = new Program("sotto-local", "--speech-port", 0, "--chat-port", 0, "--cert-dir", folder, ...args);
    const [, speech, chat] = await program.says(/ready speech=127\.0\.0\.1:(\d+) chat=https:\/\/127\.0\.0\.1:(\d+)/);
    return { program, speech, chat, ca: join(folder, "cert.pem") };
}

/** `sotto-sim`: says its script whatever it hears, at once. */
export async function startSim(...args) {
    const program = new Program("sotto-sim", "--dir", makeFolder(), "--speech-port", 0, "--chat-port", 0,
        "--speech-latency", 40, "--chat-first-token", 20, "--chat-tokens-s", 0, ...args);
    const [, speech, chat, ca] = await program.says(/ready speech=(\d+) chat=(\d+) ca=(\S+)/);
    return { program, speech, chat, ca };
}

/** `sotto` before those upstreams; `port` and `folder` of one that was stopped continue it. */
export async function startSotto(upstream, { port = 0, folder = makeFolder(), args = [] } = {}) {
    const program = new Program(
        "sotto", "--listen", `127.0.0.1:${port}`, "--store-path", join(folder, "sotto.db"),
        "--stt-target", `127.0.0.1:${upstream.speech}`, "--stt-plaintext", "--stt-agreement", 6,
        "--chat-url", `https://127.0.0.1:${upstream.chat}/v1`, "--chat-ca", upstream.ca,
        // Other tests run beside this one: how busy the machine is must not decide who is let in.
        "--admission-lag-ms", 0, "--admission-queue-ms", 0, ...args);
    const [, chosen] = await program.says(/msg="ready" .*?port=(\d+)/);
    const server = { program, folder, port: Number(chosen), url: `http://127.0.0.1:${chosen}` };
    await untilReady(server);
    return server;
}

async function untilReady(server) {
    const end = Date.now() + READY_MS;
    for (;;) {
        const answer = await fetch(`${server.url}/readyz`);
        const text = await answer.text();
        if (answer.status === 200) return;
        if (Date.now() > end) throw new Error(`sotto is not ready: ${text}\n${server.program.output.slice(-3000)}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}
