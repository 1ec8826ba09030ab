import assert from "node:assert/strict";
import { test } from "node:test";

import { Crashes } from "../src/crashes";

test("three ends within three minutes are mended, the fourth is a loop", () => {
  const crashes = new Crashes();
  assert.deepEqual([0, 1_000, 2_000, 3_000].map((now) => crashes.mayRestart(now)), [true, true, true, false]);
});

test("ends that lie far apart are no loop", () => {
  const crashes = new Crashes();
  assert.ok([0, 70_000, 140_000, 210_000, 280_000].every((now) => crashes.mayRestart(now)));
});

test("a restart by hand begins anew", () => {
  const crashes = new Crashes();
  [0, 1, 2, 3].forEach((now) => crashes.mayRestart(now));
  crashes.forget();
  assert.ok(crashes.mayRestart(4));
});
