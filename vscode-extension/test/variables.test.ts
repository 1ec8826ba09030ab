import assert from "node:assert/strict";
import { test } from "node:test";

import { expand } from "../src/variables";

const known = { workspaceFolder: "/w", env: { VENV: "/opt/venv" }, home: "/home/me" };

for (const [text, expected] of [
  ["${workspaceFolder}/.venv/bin/python", "/w/.venv/bin/python"],
  ["${env:VENV}/bin/python", "/opt/venv/bin/python"],
  ["${env:MISSING}/bin/python", "/bin/python"],
  ["~/envs/torch/bin/python", "/home/me/envs/torch/bin/python"],
  ["~", "/home/me"],
  ["/data/~x/run~", "/data/~x/run~"],
  ["${userHome}/a${workspaceFolder}", "/home/me/a/w"],
  ["$& ${unknown} plain", "$& ${unknown} plain"],
] as const) {
  test(`${text} becomes ${expected}`, () => assert.equal(expand(text, known), expected));
}

test("what a variable holds is not expanded again", () => {
  assert.equal(expand("${env:A}", { ...known, env: { A: "${env:B}", B: "no" } }), "${env:B}");
  assert.equal(expand("${workspaceFolder}", { ...known, workspaceFolder: "/${userHome}" }), "/${userHome}");
});
