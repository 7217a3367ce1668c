/**
 * Serves the pages from disk with the policy they live under, and puts the fakes beside it in the
 * place of the connection and the microphone.
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const WEB = fileURLToPath(new URL("../../../web/", import.meta.url));
const HERE = fileURLToPath(new URL("./", import.meta.url));
const FAKES = { "/web/client/session.js": "session.js", "/web/audio/capture.js": "capture.js" };
const TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
};
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'";

function fileOf(path) {
    if (path === "/") return join(WEB, "index.html");
    if (path in FAKES) return join(HERE, FAKES[path]);
    return join(WEB, normalize(path.replace(/^\/web\//, "/")));
}

/** @returns {Promise<{url: string, stop: () => void}>} on a free port of loopback */
export async function startFakes() {
    const server = createServer(async (request, response) => {
        const file = fileOf(new URL(request.url, "http://localhost").pathname);
        const body = await readFile(file).catch(() => null);
        response.writeHead(body ? 200 : 404, {
            "Content-Type": TYPES[extname(file)] ?? "application/octet-stream",
            "Content-Security-Policy": POLICY,
        });
        response.end(body ?? "");
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    return {
        url: `http://127.0.0.1:${server.address().port}`,
        stop: () => {
            server.close();
            server.closeAllConnections();
        },
    };
}
