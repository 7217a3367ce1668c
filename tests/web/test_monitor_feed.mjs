/** The teacher's connection without a browser: which answer belongs to which question. */
import assert from "node:assert/strict";
import test from "node:test";
import { Feed } from "../../web/monitor/feed.js";
import { Store } from "../../web/monitor/store.js";

/** A feed whose server says only what the test makes it say. */
function made(t) {
    const sockets = [];
    class Socket {
        readyState = 0;
        sent = [];
        constructor() {
            sockets.push(this);
        }
        begin() {
            this.readyState = 1;
            this.onopen({});
            this.tell({ type: "snapshot", sessions: [] });
        }
        send(text) {
            this.sent.push(JSON.parse(text));
        }
        tell(message) {
            this.onmessage({ data: JSON.stringify(message) });
        }
        close() {
            this.readyState = 3;
        }
    }
    const feed = new Feed({ url: "ws://x/", store: new Store(() => 0), token: () => "t", WebSocket: Socket });
    t.after(() => feed.close());
    feed.start();
    sockets[0].begin();
    return { feed, socket: sockets[0] };
}

const page = (segment) => ({ type: "history", session: "a", segments: [{ segment }], more: true });

test("an earlier page that comes late is not taken for the newest", async (t) => {
    const { feed, socket } = made(t);
    const earlier = feed.history("a", 41, 40);
    const newest = feed.history("a", undefined, 40);
    const other = feed.history("b", undefined, 40);
    socket.tell(page(1));
    socket.tell({ ...page(7), session: "b" });
    socket.tell(page(80));
    const answers = await Promise.all([earlier, newest, other]);
    assert.deepEqual(answers.map(({ segments }) => segments[0].segment), [1, 80, 7]);
});

test("who has waited too long does not leave its answer to the next", async (t) => {
    const { feed, socket } = made(t);
    const due = []; // by hand: node 18 and 20 have different clocks for tests
    t.mock.method(globalThis, "setTimeout", (run) => due.push(run));
    const late = feed.history("a", 41, 40);
    assert.equal(due.length, 1);
    due[0]();
    await assert.rejects(late, { code: "timeout" });
    const next = feed.history("a", undefined, 40);
    socket.tell(page(1));
    socket.tell(page(80));
    assert.equal((await next).segments[0].segment, 80);
});

test("an error answers a question about its session, or the oldest; what nobody asked is told", async (t) => {
    const { feed, socket } = made(t);
    const notices = [];
    feed.addEventListener("notice", ({ detail }) => notices.push(detail.code));
    const [a, b] = [feed.history("a", undefined, 40), feed.flag("b", 3, "well said")];
    socket.tell({ type: "error", code: "not_found", message: "gone", session: "b" });
    socket.tell({ type: "error", code: "storage", message: "not now" });
    socket.tell({ type: "error", code: "rate_limited", message: "slowly" });
    await assert.rejects(b, { code: "not_found", message: "gone" });
    await assert.rejects(a, { code: "storage" });
    assert.deepEqual(notices, ["rate_limited"]);
});

test("what waits when the connection goes is told so", async (t) => {
    const { feed, socket } = made(t);
    const asked = feed.history("a", undefined, 40);
    socket.readyState = 3;
    socket.onclose({ code: 1006, reason: "" });
    await assert.rejects(asked, { code: "closed" });
    await assert.rejects(feed.flag("a", 1, "x"), { code: "closed" });
});
