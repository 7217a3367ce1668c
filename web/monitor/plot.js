/**
 * A small line plot of the last minutes: one or two series on a common scale, drawn on a canvas in
 * the colours of the page. What it shows is told in words beside it.
 */

/** The smallest round number (1, 2 or 5 times a power of ten) that is not below `value`. */
export function roundUp(value) {
    if (value <= 0) return 1;
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 5, 10].map((step) => step * power).find((round) => round >= value * (1 - 1e-9));
}

export class Plot {
    #canvas;
    #format;
    #least;

    /**
     * @param {HTMLCanvasElement} canvas its CSS size is the plot's
     * @param {(value: number) => string} format of the scale's numbers
     * @param {number} [least] that the scale goes up to
     */
    constructor(canvas, format, least = 1) {
        this.#canvas = canvas;
        this.#format = format;
        this.#least = least;
    }

    /**
     * @param {{values: number[], colour: string, fill?: boolean}[]} lines oldest value first;
     *     `colour` is a custom property of the page
     * @param {number} span values that fill the width
     */
    draw(lines, span) {
        const { width, height } = this.#fit();
        if (width === 0 || height === 0) return;
        const pen = this.#canvas.getContext("2d");
        const style = getComputedStyle(this.#canvas);
        const top = roundUp(Math.max(this.#least, ...lines.flatMap((line) => line.values)));
        const at = (value) => height - 2 - (value / top) * (height - 20);
        pen.clearRect(0, 0, width, height);
        this.#scale(pen, { width, top, at, style });
        for (const line of lines) this.#line(pen, line, { width, height, span, at, style });
    }

    /** Makes as many pixels as the screen has under the canvas. @returns its size in CSS pixels */
    #fit() {
        const { clientWidth: width, clientHeight: height } = this.#canvas;
        const ratio = globalThis.devicePixelRatio || 1;
        const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
        if (this.#canvas.width !== w || this.#canvas.height !== h) {
            this.#canvas.width = w;
            this.#canvas.height = h;
        }
        this.#canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
        return { width, height };
    }

    #scale(pen, { width, top, at, style }) {
        pen.font = `12px ${style.fontFamily}`;
        for (const value of [0, top / 2, top]) {
            pen.fillStyle = style.getPropertyValue("--line");
            pen.fillRect(0, Math.round(at(value)), width, 1);
        }
        pen.fillStyle = style.getPropertyValue("--muted");
        pen.fillText(this.#format(top), 2, at(top) - 5);
    }

    #line(pen, { values, colour, fill }, { width, height, span, at, style }) {
        if (values.length === 0) return;
        const step = width / Math.max(1, span - 1);
        const x = (i) => width - (values.length - 1 - i) * step;
        pen.beginPath();
        values.forEach((value, i) => pen.lineTo(x(i), at(value)));
        pen.strokeStyle = style.getPropertyValue(colour);
        pen.lineWidth = 2;
        pen.lineJoin = "round";
        pen.stroke();
        if (!fill) return;
        pen.lineTo(x(values.length - 1), height);
        pen.lineTo(x(0), height);
        pen.globalAlpha = 0.14;
        pen.fillStyle = style.getPropertyValue(colour);
        pen.fill();
        pen.globalAlpha = 1;
    }
}
