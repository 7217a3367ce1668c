/** Keys and tokens for tests: signed here, so that one can be about to run out. */
import { createHmac } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { makeFolder } from "./programs.mjs";

const SECRET = "an HMAC secret of 32 bytes or so";
/** For so long after its end a server still takes a token: clocks differ. */
export const LEEWAY_S = 30;

/** The folder for `--auth-keys`. */
export function makeKeys() {
    const folder = makeFolder();
    const file = join(folder, "a.hs256");
    writeFileSync(file, SECRET);
    chmodSync(file, 0o600);
    return folder;
}

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** @param {{role: string, sub: string, class?: string|string[], lifeS?: number}} whose */
export function makeToken({ lifeS = 600, ...claims }) {
    const now = Math.floor(Date.now() / 1000);
    const text = `${part({ alg: "HS256", typ: "JWT", kid: "a" })}.${part({ iat: now, exp: now + lifeS, ...claims })}`;
    return `${text}.${createHmac("sha256", SECRET).update(text).digest("base64url")}`;
}
