/**
 * The transcript as a file, made of what the page has: plain text, subtitles or JSON, in the same
 * shapes as the server's own (docs/protocol.md, Transcripts).
 */

/**
 * @typedef {object} Take one session of the page
 * @property {string} session
 * @property {string} startedAt RFC 3339
 * @property {string} source
 * @property {string[]} targets
 * @property {import("../client/transcript.js").Segment[]} segments
 */

export const FORMATS = {
    txt: { type: "text/plain;charset=utf-8", make: asText },
    srt: { type: "application/x-subrip;charset=utf-8", make: asSrt },
    vtt: { type: "text/vtt;charset=utf-8", make: asVtt },
    json: { type: "application/json", make: asJson },
};

/** The lines of what was spoken, in place of a target language. */
export const SPOKEN_LINE = "";

/**
 * @param {"txt"|"srt"|"vtt"|"json"} format
 * @param {Take[]} takes
 * @param {string[]} lines SPOKEN_LINE and languages, in their order; JSON has all
 * @returns {string}
 */
export function makeFile(format, takes, lines) {
    return FORMATS[format].make(takes, lines);
}

/** @returns {number} segments that are finished and hold words */
export function countSentences(takes) {
    return takes.reduce((sum, take) => sum + spokenSegments(take).length, 0);
}

/** @returns {string[]} languages that have been translated into, in the order they came */
export function translatedInto(takes) {
    const langs = new Set();
    for (const take of takes)
        for (const segment of take.segments)
            for (const lang of Object.keys(segment.translations)) langs.add(lang);
    return [...langs];
}

function spokenSegments(take) {
    return take.segments.filter((segment) => segment.final && clean(segment.committed));
}

/** Cues of all takes on one time line, which begins with the first take. None overlap. */
function cuesOf(takes, lines) {
    const cues = [];
    const origin = takes.length ? Date.parse(takes[0].startedAt) : 0;
    let shownTo = 0;
    for (const take of takes) {
        const offset = Math.max(0, Date.parse(take.startedAt) - origin) || 0;
        for (const segment of spokenSegments(take)) {
            const texts = lines.map((line) => clean(textOf(segment, line))).filter(Boolean);
            if (texts.length === 0) continue;
            const start = Math.max(shownTo, offset + segment.start_ms);
            shownTo = Math.max(start + 1, offset + segment.end_ms);
            cues.push({ start, end: shownTo, texts });
        }
    }
    return cues;
}

function textOf(segment, line) {
    return line === SPOKEN_LINE ? segment.committed : segment.translations[line]?.committed ?? "";
}

/** One line; nothing that is not shown or turns the text around it. */
function clean(text) {
    return text
        .replace(/[\s\u0085]+/gu, " ")
        .replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/gu, "")
        .trim();
}

function clock(ms, point) {
    const two = (n) => String(Math.floor(n)).padStart(2, "0");
    const whole = `${two(ms / 3600000)}:${two((ms / 60000) % 60)}:${two((ms / 1000) % 60)}`;
    return point ? whole + point + String(Math.floor(ms % 1000)).padStart(3, "0") : whole;
}

function asText(takes, lines) {
    const indent = " ".repeat("[00:00:00] ".length);
    return cuesOf(takes, lines)
        .map(({ start, texts }) => `[${clock(start, "")}] ${texts.join(`\n${indent}`)}\n`)
        .join("");
}

function subtitles(takes, lines, point, escape) {
    return cuesOf(takes, lines)
        .map(({ start, end, texts }, i) =>
            [i + 1, `${clock(start, point)} --> ${clock(end, point)}`, ...texts.map(escape), ""]
                .join("\n"))
        .join("\n");
}

/* SubRip knows no escapes, and players take <b> and {\an8} for commands: lookalikes. */
const SRT_SAFE = { "<": "‹", ">": "›", "{": "(", "}": ")" };
const VTT_SAFE = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

function asSrt(takes, lines) {
    return subtitles(takes, lines, ",", (text) => text.replace(/[<>{}]/g, (c) => SRT_SAFE[c]));
}

function asVtt(takes, lines) {
    const cues = subtitles(takes, lines, ".",
        (text) => text.replace(/[&<>]/g, (c) => VTT_SAFE[c]));
    return `WEBVTT\n\n${cues}`;
}

function asJson(takes) {
    const sessions = takes.map((take) => ({
        session: take.session,
        started_at: take.startedAt,
        source: take.source,
        targets: take.targets,
        segments: take.segments.filter((segment) => segment.final).map(segmentJson),
    }));
    return `${JSON.stringify({ sessions }, null, 2)}\n`;
}

function segmentJson(segment) {
    const translations = Object.entries(segment.translations)
        .filter(([, translation]) => translation.final)
        .map(([lang, { committed, failed }]) =>
            ({ lang, text: committed, ...(failed && { failed }) }));
    return {
        segment: segment.segment,
        start_ms: segment.start_ms,
        end_ms: segment.end_ms,
        language: segment.language,
        text: segment.committed,
        words: segment.words,
        translations,
        corrected: segment.corrected,
        edits: segment.edits,
        notes: segment.notes,
    };
}
