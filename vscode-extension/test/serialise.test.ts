import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { serialised } from "../src/serialise";

test("runs one at a time and answers all requests made meanwhile with one run more", async () => {
  let active = 0;
  let started = 0;
  const request = serialised(async () => {
    started += 1;
    active += 1;
    assert.equal(active, 1);
    await setImmediate();
    active -= 1;
  });
  await Promise.all([request(), request(), request()]);
  assert.equal(started, 2);
  await request();
  assert.equal(started, 3);
});

test("a caller waits for a run that began after its request", async () => {
  const events: string[] = [];
  let n = 0;
  const request = serialised(async () => {
    const mine = ++n;
    events.push(`begin ${mine}`);
    await setImmediate();
    events.push(`end ${mine}`);
  });
  const first = request();
  const second = request().then(() => events.push("second answered"));
  await Promise.all([first, second]);
  assert.deepEqual(events, ["begin 1", "end 1", "begin 2", "end 2", "second answered"]);
});

test("a failure reaches its caller and stops nobody else", async () => {
  let n = 0;
  const request = serialised(async () => {
    n += 1;
    await setImmediate();
    if (n === 1) throw new Error("first");
  });
  const results = await Promise.allSettled([request(), request()]);
  assert.deepEqual(results.map((result) => result.status), ["rejected", "fulfilled"]);
  assert.equal(n, 2);
});
