import assert from "node:assert/strict";
import { test } from "node:test";

import { isProbeReport, type Parameter, type ProbeReport } from "../src/report/model";
import { escape, type Frame, reportPage } from "../src/report/page";

const frame: Frame = {
  title: "train.py",
  styleSheet: "https://example.test/report.css",
  styleSource: "https://example.test",
  outdated: false,
  link: (path, line) => `command:open?${encodeURIComponent(JSON.stringify([path, line]))}`,
};

function parameter(name: string, status: string, changes: Partial<Parameter> = {}): Parameter {
  return {
    name, status, model: "model", shape: [1, 4], optimizers: ["optimizer"], fraction: 1,
    grad_norm: 0.5, update_norm: 0.01, weight_norm: 2, ...changes,
  };
}

function report(changes: Partial<ProbeReport> = {}): ProbeReport {
  return {
    version: 1, verdict: "partly", reached: "step", steps: 2, limit: null,
    sandbox: { level: "namespaces", reason: "it works here", network: false },
    parameters: [parameter("model.weight", "learned"), parameter("model.bias", "in-no-optimizer", { optimizers: [], grad_norm: null })],
    buffers: [], loss: { values: [2.5, 2.25], first_order_change: [-0.125, null] }, findings: [], stopped_by: "verdict", ...changes,
  };
}

function finding(message: string): ProbeReport["findings"][number] {
  const place = { line: 11, column: 5 };
  return { code: "TRN101", name: "missing-zero-grad", message, path: "/w/train.py", range: { start: place, end: place } };
}

test("what needs a look stands before what learned", () => {
  const page = reportPage(report(), frame);
  assert.ok(page.indexOf("In no optimizer") < page.indexOf("Learned"), page);
  assert.match(page, /2 parameters: 1 in no optimizer, 1 learned\./);
});

test("no text of the report becomes markup", () => {
  const hostile = `<img src=x onerror="alert(1)">&'`;
  const page = reportPage(
    report({
      verdict: hostile as ProbeReport["verdict"],
      parameters: [parameter(hostile, hostile, { optimizers: [hostile] })],
      findings: [finding(hostile)],
      sandbox: { level: hostile, reason: hostile, network: false },
      stopped_by: hostile,
      reached: hostile,
      limit: hostile,
    }),
    { ...frame, title: hostile },
  );
  assert.ok(!page.includes("<img"));
  assert.ok(page.includes(escape(hostile)));
});

test("the page runs no scripts and loads its style sheet only", () => {
  const page = reportPage(report(), frame);
  assert.ok(!/<script|javascript:|style=/i.test(page));
  assert.match(page, /content="default-src 'none'; style-src https:\/\/example\.test"/);
});

test("a finding links to its line and shows code as code", () => {
  const page = reportPage(report({ findings: [finding("`optimizer.step()` applies <them> twice")] }), frame);
  assert.ok(page.includes(`href="command:open?${encodeURIComponent('["/w/train.py",11]')}"`), page);
  assert.ok(page.includes("<code>optimizer.step()</code> applies &lt;them&gt; twice"), page);
});

test("a status that is not known yet is shown by its name", () => {
  assert.match(reportPage(report({ parameters: [parameter("w", "teleported-away")] }), frame), /Teleported away/);
});

test("missing norms, a scalar, and a report without parameters have a page", () => {
  const odd = parameter("w", "non-finite", { grad_norm: null, update_norm: null, weight_norm: 0, shape: [] });
  assert.match(reportPage(report({ parameters: [odd] }), frame), /Not finite/);
  assert.match(reportPage(report({ verdict: "unreached", parameters: [], loss: null, sandbox: null, limit: "wall-time" }), frame), /Not reached/);
});

test("the facts of the run are told in words", () => {
  const page = reportPage(report({ limit: "wall-time", stopped_by: "limit", buffers: [{ name: "running_mean", changed: true }] }), frame);
  for (const text of ["an optimizer step", "2.5 → 2.25", "-0.125", "limit (wall time)", "1 of 1 changed", "namespaces, no network: it works here"]) {
    assert.ok(page.includes(text), text);
  }
});

test("a status of some elements says of how many", () => {
  const page = reportPage(report({ parameters: [parameter("w", "rounded-away", { fraction: 0.004 }), parameter("v", "learned", { fraction: 0.999 })] }), frame);
  assert.match(page, /1 × 4, &lt;1 % of it/);
  assert.match(page, /1 × 4, 99 % of it/);
});

test("an edited file is said to be newer than its report", () => {
  assert.match(reportPage(report(), { ...frame, outdated: true }), /edited after this run/);
  assert.ok(!reportPage(report(), frame).includes("edited after this run"));
});

test("other answers are no report", () => {
  assert.ok(isProbeReport(report()));
  for (const answer of [null, undefined, 3, "failed", {}, { verdict: "failed" }]) assert.ok(!isProbeReport(answer));
});
