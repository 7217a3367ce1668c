/**
 * Shortcuts: Space starts and stops wherever it does not mean something else; letters do only
 * when the learner has not turned them off.
 */

/**
 * @param {import("./settings.js").Settings} settings
 * @param {Object<string, () => void>} actions by key: " ", letters, "?"
 */
export function listenToKeys(settings, actions) {
    document.addEventListener("keydown", (event) => {
        if (event.defaultPrevented || event.repeat || event.isComposing) return;
        if (event.ctrlKey || event.altKey || event.metaKey || !settings.get("keys")) return;
        if (isTaken(event)) return;
        const action = actions[event.key.toLowerCase()];
        if (!action) return;
        event.preventDefault();
        action();
    });
}

function isTaken(event) {
    const target = event.target;
    if (document.querySelector("dialog[open]")) return true;
    if (target.closest("input, select, textarea, [contenteditable]")) return true;
    return event.key === " " && target.closest("button, a, [role=button]") !== null;
}
