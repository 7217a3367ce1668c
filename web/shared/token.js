/**
 * The token of who uses the page. It comes in the fragment (`/#token=…`), which no server and no
 * log sees, or is typed in; it is kept for this tab only and never stands in an address.
 */
import { Remembered } from "./storage.js";

const kept = new Remembered("sessionStorage", "sotto.");
let memory = "";

/**
 * Takes a token out of the address bar, if one is there.
 * @returns {string} the token to use, "" when there is none
 */
export function takeToken() {
    const given = tokenOf(location.hash);
    if (given) {
        history.replaceState(history.state, "", location.pathname + location.search);
        setToken(given);
    }
    return getToken();
}

/** @returns {string} "" when there is none */
export function getToken() {
    return memory || kept.get("token", "");
}

/**
 * @param {string} text a token, or a whole link with one; "" forgets
 * @returns {string} the token that is used from now on
 */
export function setToken(text) {
    memory = tokenOf(text) || text.trim();
    if (memory) kept.set("token", memory);
    else kept.remove("token");
    return memory;
}

/**
 * What a token says of its bearer. Nobody has checked it: for greetings, not for decisions.
 * @param {string} token
 * @returns {{sub?: string, role?: string, class?: string|string[]}} {} of what is no JWT
 */
export function tokenClaims(token) {
    try {
        const body = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
        const bytes = Uint8Array.from(atob(body), (c) => c.charCodeAt(0));
        const claims = JSON.parse(new TextDecoder().decode(bytes));
        return claims && typeof claims === "object" ? claims : {};
    } catch {
        return {};
    }
}

function tokenOf(text) {
    const at = text.indexOf("#");
    return at < 0 ? "" : (new URLSearchParams(text.slice(at + 1)).get("token") ?? "").trim();
}
