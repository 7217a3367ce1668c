/**
 * The few helpers with which both pages make and change elements. Text goes in as text, never as
 * markup.
 */

/**
 * @param {string} tag
 * @param {Object<string, *>} [attributes] "class" and others by their HTML names; `text` is the
 *     text content, `on` an object of listeners, `data` of data-* values; null and false are left
 *     out
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (value === null || value === undefined || value === false) continue;
        if (name === "text") node.textContent = value;
        else if (name === "on") listen(node, value);
        else if (name === "data") Object.assign(node.dataset, value);
        else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children);
    return node;
}

function listen(node, listeners) {
    for (const [type, listener] of Object.entries(listeners)) node.addEventListener(type, listener);
}

/** @returns {HTMLElement} which must be there */
export function byId(id) {
    const node = document.getElementById(id);
    if (!node) throw new Error(`no element ${id}`);
    return node;
}

/** Touches the document only when the text is another one. */
export function setText(node, text) {
    if (node.textContent !== text) node.textContent = text;
}

/** Touches the document only when the attribute is another one; null takes it away. */
export function setAttribute(node, name, value) {
    if (value === null) {
        if (node.hasAttribute(name)) node.removeAttribute(name);
    } else if (node.getAttribute(name) !== value) {
        node.setAttribute(name, value);
    }
}

/** An icon of the page's sprite, hidden from screen readers. */
export function icon(name) {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    const use = document.createElementNS(space, "use");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    use.setAttribute("href", `#icon-${name}`);
    svg.append(use);
    return svg;
}

/** Many wishes to draw, one drawing a frame. */
export class FrameDraw {
    #draw;
    #asked = 0;

    /** @param {(now: number) => void} draw */
    constructor(draw) {
        this.#draw = draw;
    }

    ask() {
        if (this.#asked) return;
        this.#asked = requestAnimationFrame((now) => {
            this.#asked = 0;
            this.#draw(now);
        });
    }

    cancel() {
        if (this.#asked) cancelAnimationFrame(this.#asked);
        this.#asked = 0;
    }
}

/**
 * Gives the browser a file to save.
 * @param {string} name
 * @param {string} type
 * @param {string|Blob} content
 */
export function saveFile(name, type, content) {
    const url = URL.createObjectURL(new Blob([content], { type }));
    const link = el("a", { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
}
