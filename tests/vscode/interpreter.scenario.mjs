// The server follows the interpreter that the user selects in the Python Environments extension (one that says what it is told
// stands in for it), falls back without a message, gives up on a loop of crashes with one, and ends with the editor.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { until } from "./editor.mjs";
import { folderWith, home, python, scenario, TRAIN } from "./scenario.mjs";

const selection = path.join(home, "selected");
const environments = folderWith("python-environments", {
  "package.json": JSON.stringify({
    name: "vscode-python-envs",
    publisher: "ms-python",
    version: "1.0.0",
    engines: { vscode: "^1.100.0" },
    main: "./extension.js",
    activationEvents: [],
    contributes: { commands: [{ command: "stand-in.changed", title: "Stand-in: Selection Changed" }] },
  }),
  "extension.js": `
    const fs = require("node:fs");
    const vscode = require("vscode");
    exports.activate = () => {
      const changed = new vscode.EventEmitter();
      vscode.commands.registerCommand("stand-in.changed", () => { changed.fire({}); changed.fire({}); });
      const executable = () => fs.readFileSync(${JSON.stringify(selection)}, "utf8");
      return {
        getEnvironment: async () => ({ execInfo: { run: { executable: executable() } } }),
        onDidChangeEnvironment: changed.event,
      };
    };`,
});
const vsix = path.join(home, "stand-in.vsix");
const vsce = fileURLToPath(new URL("../../vscode-extension/node_modules/@vscode/vsce/vsce", import.meta.url));
const packed = spawnSync(
  process.execPath,
  [vsce, "package", "--out", vsix, "--allow-missing-repository", "--skip-license", "--no-dependencies", "--allow-star-activation"],
  { cwd: environments, encoding: "utf8" },
);
assert.equal(packed.status, 0, packed.stdout + packed.stderr);

const [first, second] = ["first", "second"].map((name) => {
  const made = spawnSync(python, ["-m", "venv", "--without-pip", path.join(home, name)], { encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
  return path.join(home, name, "bin", "python");
});

// Files that would run if the server, or what looks for it, took modules from the workspace.
const ran = path.join(home, "ran");
const trap = `open(${JSON.stringify(ran)}, "w").close()\n`;
const folder = folderWith("workspace", {
  "train.py": TRAIN,
  "typing.py": trap,
  "sitecustomize.py": trap,
  "trainlint/__init__.py": trap,
});
const machineSettings = path.join(home, "editor", "data", "Machine", "settings.json");

/** Processes of this editor's trainlint servers: their ids, parents and interpreters. */
function servers() {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      const [interpreter, ...args] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      const ours = args.some((argument) => argument.startsWith(home) && argument.endsWith("launch.py"));
      const parent = Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
      return ours && args.includes("server") ? [{ pid: Number(pid), parent, interpreter }] : [];
    } catch {
      return [];
    }
  });
}

const only = (interpreter) => () => {
  const running = servers();
  return running.length === 1 && running[0].interpreter === interpreter;
};

const warned = (editor) => async () => (await editor.squiggles()).join() === "warning";

writeFileSync(selection, first);
scenario("interpreter", folder, { extensions: [process.env.TRAINLINT_VSIX, vsix] }, async (step) => {
  await step("the selected interpreter runs the server", async (editor) => {
    await editor.openFile("train.py");
    await until(warned(editor), "one warning is underlined", editor.output);
    assert.ok(only(first)(), JSON.stringify(servers()));
    assert.ok(!existsSync(ran), "a file of the workspace was run");
  });

  await step("another selection is followed, and one server runs", async (editor) => {
    writeFileSync(selection, second);
    await editor.command("Stand-in: Selection Changed");
    await until(only(second), "the second interpreter alone runs a server", () => JSON.stringify(servers()));
    await until(warned(editor), "the warning is back");
  });

  await step("a selection that is no Python is passed over without a message", async (editor) => {
    writeFileSync(selection, "/nowhere/python");
    await editor.command("Stand-in: Selection Changed");
    await until(() => servers().length === 1 && !only(second)(), "another interpreter runs the server");
    await until(warned(editor), "the warning is back");
    assert.deepEqual(await editor.toasts(), []);
  });

  await step("the debug information says what runs and why", async (editor) => {
    await editor.command("trainlint: Print Debug Information");
    await until(async () => /started as: bundled, Python 3\.\d+\.\d+; .* from the PATH/.test((await editor.text()).replaceAll("\n", "")), "it is on the screen", () => editor.text());
    await editor.command("View: Revert and Close Editor");
  });

  await step("a server that ends as it starts is reported once, with what to do", async (editor) => {
    writeFileSync(machineSettings, JSON.stringify({ "trainlint.path": ["/bin/sh", "-c", "echo the disk is full >&2; exit 3"] }));
    await until(async () => (await editor.toasts()).length > 0, "a message is shown", editor.output);
    await editor.quiet();
    const [message, ...others] = await editor.toasts();
    assert.match(message, /ends again and again.*the disk is full/);
    assert.deepEqual(others, []);
    await editor.page.locator(".notifications-toasts .monaco-button", { hasText: "Show Log" }).click();
    await editor.page.locator(".part.panel .view-line", { hasText: "the disk is full" }).first().waitFor();
  });

  await step("mending the setting starts the server again", async (editor) => {
    writeFileSync(machineSettings, "{}");
    await until(() => servers().length === 1, "a server runs");
    await until(warned(editor), "the warning is back");
  });

  await step("the server ends with the editor, even when that is killed", async () => {
    const [server] = servers();
    process.kill(server.parent, "SIGKILL");
    await until(() => !servers().some(({ pid }) => pid === server.pid), "the server is gone");
  });
});
