/**
 * What the browser tells about the network and the tab: moments at which trying again is worth it.
 */

/** False when the browser knows that there is no network. */
export function isOnline() {
    return globalThis.navigator?.onLine !== false;
}

/**
 * @param {(signal: "online"|"offline"|"visible") => void} onSignal
 * @returns {() => void} ends it
 */
export function watchSignals(onSignal) {
    if (typeof window === "undefined") {
        return () => {};
    }
    const ended = new AbortController();
    const { signal } = ended;
    const onVisible = () => document.visibilityState === "visible" && onSignal("visible");
    window.addEventListener("online", () => onSignal("online"), { signal });
    window.addEventListener("offline", () => onSignal("offline"), { signal });
    window.addEventListener("pageshow", onVisible, { signal });
    document.addEventListener("visibilitychange", onVisible, { signal });
    return () => ended.abort();
}
