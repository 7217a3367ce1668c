/**
 * Which sessions a teacher should look at first, and why, in words of the page. Levels rather than
 * scores, so that tiles keep their places while nothing that matters has changed.
 */

/** Levels, worst first when sorted down. */
export const FINE = 0;
export const LOOK = 1;
export const TROUBLE = 2;

export const BEHIND_MS = 2000;
export const QUIET_MS = 60000;
export const MISTAKES_MIN = 3;
export const MISTAKES_PER_MINUTE = 4;

const HELD = new Set(["held", "reconnecting"]);

/** Whether the learner's connection is gone and awaited back. */
export const isHeld = (state) => HELD.has(state.phase);

/** @returns {number} mistakes a minute of audio; the first minute counts whole */
export function mistakeRate(state) {
    return state.mistakes / Math.max(1, state.audio_ms / 60000);
}

/**
 * @param {object} state a session's state
 * @param {number} now the store's clock
 * @returns {{level: number, reasons: {key: string, what?: string[], n?: number}[]}} the level, and
 *     what to say about it, the worst first
 */
export function attention(state, now) {
    const reasons = [];
    if (isHeld(state)) reasons.push({ level: TROUBLE, key: "why.held" });
    if (state.health.degraded.length > 0) {
        reasons.push({ level: TROUBLE, key: "why.degraded", what: state.health.degraded });
    }
    if (state.health.lag_ms > BEHIND_MS) {
        const n = Math.round(state.health.lag_ms / 1000);
        reasons.push({ level: TROUBLE, key: "why.behind", n });
    }
    if (state.mistakes >= MISTAKES_MIN && mistakeRate(state) >= MISTAKES_PER_MINUTE) {
        reasons.push({ level: LOOK, key: "why.mistakes" });
    }
    const quietMs = now - state.heardAt;
    if (!state.speaking && !isHeld(state) && quietMs >= QUIET_MS) {
        reasons.push({ level: LOOK, key: "why.quiet", n: Math.floor(quietMs / 60000) });
    }
    const level = reasons.reduce((worst, reason) => Math.max(worst, reason.level), FINE);
    return { level, reasons };
}
