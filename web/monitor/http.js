/** What the server keeps, asked for over HTTP with the token where there is one. */
import { getToken } from "../shared/token.js";
import { saveFile } from "../shared/dom.js";

/** @returns {Promise<Response>} a good one; else an Error with the server's own words */
async function get(path, signal) {
    const token = getToken();
    const headers = token === "" ? {} : { Authorization: `Bearer ${token}` };
    const response = await fetch(path, { headers, signal });
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({}));
    throw new Error(problem.detail ?? `${response.status} ${response.statusText}`);
}

/** @returns {Promise<object>} */
export async function getJson(path, signal) {
    return (await get(path, signal)).json();
}

/** Saves what is at `path` as the file `name`. Rejects with an Error that says why not. */
export async function download(path, name) {
    const content = await (await get(path)).blob();
    saveFile(name, content.type, content);
}
