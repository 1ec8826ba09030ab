// Prepares a VS Code that needs no desktop: VS Code's own server from the npm package `code-server`, built once into a cache
// folder outside of the repository. Run alone it prepares the editor and prints the folder.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

// The last version whose native modules build with Node 20; it carries VS Code 1.100.3.
const VERSION = "4.100.3";

const cache = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"), "trainlint-tests");

/** The folder of a ready `code-server`, named after its version and the Node it was built for. */
export function prepareEditor() {
  const home = path.join(cache, `code-server-${VERSION}-node${process.versions.modules}`);
  const editor = path.join(home, "node_modules", "code-server");
  if (existsSync(path.join(home, "ready"))) return editor;
  const unfinished = `${home}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  try {
    build(unfinished);
    rmSync(home, { recursive: true, force: true });
    renameSync(unfinished, home);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return editor;
}

function build(home) {
  // The install scripts fetch binaries from elsewhere; what is needed of them is compiled here.
  npm(home, "install", "--prefix", home, "--ignore-scripts", "--no-save", `code-server@${VERSION}`);
  const server = path.join(home, "node_modules", "code-server", "lib", "vscode");
  npm(server, "install", "--omit=dev", "--ignore-scripts");
  npm(path.join(server, "extensions"), "install", "--omit=dev", "--ignore-scripts");
  npm(server, "rebuild", "@vscode/spdlog", "native-watchdog", "node-pty");
  npm(home, "rebuild", "argon2");
  symlinkSync("node_modules", path.join(server, "node_modules.asar"));
  writeFileSync(path.join(home, "ready"), "");
}

function npm(folder, ...args) {
  const headers = path.join(path.dirname(process.execPath), "..", "include", "node", "node.h");
  const environment = { ...process.env, npm_config_audit: "false", npm_config_fund: "false" };
  environment.npm_config_build_from_source = "true";
  // node-pty's script asks npx for node-gyp, which would wait for an answer.
  environment.npm_config_yes = "true";
  if (existsSync(headers)) environment.npm_config_nodedir = path.dirname(path.dirname(path.dirname(headers)));
  const { status, stdout, stderr } = spawnSync("npm", args, { cwd: folder, env: environment, encoding: "utf8" });
  if (status !== 0) throw new Error(`npm ${args.join(" ")} failed in ${folder}:\n${stdout}\n${stderr}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(prepareEditor());
