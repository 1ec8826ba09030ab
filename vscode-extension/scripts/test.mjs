// Bundles the unit tests, which need no editor, and runs them with Node's own runner.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { build } from "esbuild";

const out = mkdtempSync(path.join(os.tmpdir(), "trainlint-unit-"));
try {
  await build({
    entryPoints: readdirSync("test").filter((file) => file.endsWith(".test.ts")).map((file) => path.join("test", file)),
    outdir: out,
    bundle: true,
    platform: "node",
    format: "cjs",
    logLevel: "warning",
  });
  const { status } = spawnSync(process.execPath, ["--test", out], { stdio: "inherit" });
  process.exitCode = status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
