import assert from "node:assert/strict";
import test from "node:test";
import { Backoff } from "../../web/client/backoff.js";
import { random } from "./clock.mjs";

test("it doubles up to the cap and is spread over all of it", () => {
    const bounds = [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000];
    const seen = bounds.map(() => []);
    const uniform = random(1);
    for (let round = 0; round < 500; round++) {
        const backoff = new Backoff(uniform);
        bounds.forEach((_, i) => seen[i].push(backoff.next()));
    }
    bounds.forEach((bound, i) => {
        assert.ok(Math.max(...seen[i]) <= bound && Math.max(...seen[i]) > bound * 0.95);
        assert.ok(Math.min(...seen[i]) >= 0 && Math.min(...seen[i]) < bound * 0.05);
    });
});

test("what the server asks for is kept, with jitter on top", () => {
    const backoff = new Backoff(() => 0.5);
    assert.equal(backoff.next(5000), 5250);
    assert.equal(backoff.next(30000), 30500);
});

test("a success begins anew", () => {
    const backoff = new Backoff(() => 1);
    backoff.next();
    backoff.next();
    assert.equal(backoff.attempts, 2);
    backoff.reset();
    assert.equal(backoff.next(), 500);
});
