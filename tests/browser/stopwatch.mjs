/**
 * From the end of what is said to the words on the page, by the page's own clock: a script that runs before the page's.
 * Voice is taken where the page gives it to its socket, words where they stand in the document.
 */

/** For `scripts` of open(): notes when voice leaves and when each caption got its last word. */
export function stopwatch() {
    const PEAK = 500; // of 32767
    const noted = { voice: [], captions: [] };
    window.noted = noted;

    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (data) {
        if (typeof data !== "string") {
            const bytes = ArrayBuffer.isView(data) ? data : new Uint8Array(data);
            const pcm = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 1);
            if (pcm.some((sample) => Math.abs(sample) > PEAK)) noted.voice.push(performance.now());
        }
        return send.call(this, data);
    };
    new MutationObserver(() => {
        document.querySelectorAll("[data-test=said]").forEach((said, i) => {
            const text = said.textContent;
            if (text && noted.captions[i]?.text !== text) noted.captions[i] = { text, at: performance.now() };
        });
    }).observe(document, { childList: true, subtree: true, characterData: true });
}

/** Milliseconds for each caption, from the last voice before the pause that ended its sentence. */
export async function latencies(page) {
    const { voice, captions } = await page.evaluate(() => window.noted);
    const PAUSE_MS = 500;
    const ends = voice.filter((at, i) => i === voice.length - 1 || voice[i + 1] - at > PAUSE_MS);
    return captions.map(({ at }) => {
        const before = ends.filter((end) => end <= at);
        return before.length > 0 ? Math.round(at - before[before.length - 1]) : NaN;
    });
}

export function median(values) {
    return [...values].sort((a, b) => a - b)[values.length >> 1];
}
