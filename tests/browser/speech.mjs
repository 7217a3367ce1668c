/**
 * What the browser's microphone hears: sentences that flite speaks, each of which the offline recogniser is known to
 * give back word for word (say/samples/lesson.txt), with pauses between them.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { makeFolder } from "./programs.mjs";

const RATE = 16000;
const HEADER_BYTES = 44;
/* flite shouts: what the browser's gain control makes of that is cut off at the top. */
const GAIN = 0.25;

/** Sentences as [voice, text as it is recognised, its Spanish]. */
export const BROTHER = ["rms", "My brother is twelve years old.", "Mi hermano tiene doce años."];
export const CATS = ["rms", "She have three cats.", "Tiene tres gatos."];
export const FOOTBALL = ["rms", "He plays football with his friends.", "Juega fútbol con sus amigos."];

function spoken(voice, text) {
    const file = join(makeFolder(), "sentence.wav");
    execFileSync("flite", ["-voice", voice, "-t", text, "-o", file]);
    const wav = readFileSync(file);
    const asExpected = wav.readUInt32LE(24) === RATE && wav.readUInt16LE(22) === 1;
    if (!asExpected) throw new Error(`the voice ${voice} of flite has another rate`);
    const pcm = wav.subarray(HEADER_BYTES);
    for (let at = 0; at + 1 < pcm.length; at += 2) pcm.writeInt16LE(Math.round(pcm.readInt16LE(at) * GAIN), at);
    return pcm;
}

function silence(ms) {
    return Buffer.alloc(((RATE * ms) / 1000) * 2);
}

function header(bytes) {
    const head = Buffer.alloc(HEADER_BYTES);
    head.write("RIFF", 0);
    head.writeUInt32LE(HEADER_BYTES - 8 + bytes, 4);
    head.write("WAVEfmt ", 8);
    head.writeUInt32LE(16, 16);
    head.writeUInt16LE(1, 20);
    head.writeUInt16LE(1, 22);
    head.writeUInt32LE(RATE, 24);
    head.writeUInt32LE(RATE * 2, 28);
    head.writeUInt16LE(2, 32);
    head.writeUInt16LE(16, 34);
    head.write("data", 36);
    head.writeUInt32LE(bytes, 40);
    return head;
}

/** A WAV file with these sentences, after a second in which the page gets ready. */
export function makeSpeech(...sentences) {
    const parts = [silence(1000)];
    for (const [voice, text] of sentences) parts.push(spoken(voice, text), silence(900));
    parts.push(silence(1500));
    const pcm = Buffer.concat(parts);
    const file = join(makeFolder(), "speech.wav");
    writeFileSync(file, Buffer.concat([header(pcm.length), pcm]));
    return file;
}
