// Builds trainlint-TARGET.vsix with the server and its libraries inside:
// `node scripts/package.mjs [--target linux-x64] [--out FILE.vsix]`.
// The Python that fetches the libraries is `python3`, or what the environment variable PYTHON names.
import { spawnSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const extension = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({
  options: { target: { type: "string", default: `${process.platform}-${process.arch}` }, out: { type: "string" } },
});
function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd: extension, stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

run(process.execPath, "node_modules/typescript/bin/tsc", "--noEmit");
run(process.execPath, "scripts/build.mjs");
run(process.env.PYTHON ?? "python3", "scripts/libs.py", values.target);
copyFileSync(new URL("../../LICENSE", import.meta.url), new URL("../LICENSE", import.meta.url));
run(
  process.execPath, "node_modules/@vscode/vsce/vsce", "package",
  "--target", values.target,
  "--out", values.out ?? `trainlint-${values.target}.vsix`,
  "--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links",
);
