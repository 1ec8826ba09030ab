import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";

import { isWithin, OF_SERVER, onPath, type Rules } from "../src/interpreter";
import { NoServer, resolveLaunch, type Surroundings } from "../src/launch";
import { liesInside } from "../src/paths";
import type { ServerSettings } from "../src/settings";

const root = realpathSync(mkdtempSync(path.join(os.tmpdir(), "trainlint-launch-")));
after(() => rmSync(root, { recursive: true, force: true }));

const workspace = path.join(root, "workspace");
mkdirSync(workspace);
const marker = path.join(root, "was-run");

/** A program that says it is a Python of `version` and leaves a mark when it is started. */
function pretend(file: string, version: readonly number[], extra = ""): string {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\ntouch "${marker}"\n${extra}\necho '["${file}",${version.join(",")}]'\n`);
  chmodSync(file, 0o755);
  return file;
}

const good = pretend(path.join(root, "bin", "python3"), [3, 12, 1]);
const old = pretend(path.join(root, "old", "python3"), [3, 9, 18]);
const broken = path.join(root, "broken", "python");
mkdirSync(path.dirname(broken));
writeFileSync(broken, "#!/bin/sh\necho oh no >&2\nexit 3\n");
chmodSync(broken, 0o755);

const unset: ServerSettings = { interpreter: "", importStrategy: "useBundled", path: [] };

function around(changes: Partial<Surroundings> = {}): Surroundings {
  return {
    trusted: true,
    bundled: path.join(root, "bundled"),
    env: { PATH: path.dirname(good) },
    platform: "linux",
    selected: () => Promise.resolve(undefined),
    ...changes,
  };
}

function rules(trusted: boolean, notes: string[] = []): Rules {
  return { forbidden: trusted ? [] : [workspace], cwd: root, note: (line) => notes.push(line) };
}

const selecting = (file: string): Partial<Surroundings> => ({
  selected: () => Promise.resolve({ path: file, origin: "the Python extension" }),
});

test("without settings and extensions the bundled server runs isolated under the Python of the PATH", async () => {
  const launch = await resolveLaunch(unset, around(), rules(true));
  assert.equal(launch.command, good);
  assert.deepEqual(launch.args, ["-I", "-S", path.join(root, "bundled", "launch.py")]);
  assert.equal(launch.fallback, undefined);
});

test("the selected interpreter comes before the PATH, the setting before both", async () => {
  const selected = pretend(path.join(root, "selected", "python"), [3, 11, 2]);
  const set = pretend(path.join(root, "set", "python"), [3, 13, 0]);
  assert.equal((await resolveLaunch(unset, around(selecting(selected)), rules(true))).command, selected);
  const launch = await resolveLaunch({ ...unset, interpreter: set }, around(selecting(selected)), rules(true));
  assert.equal(launch.command, set);
});

test("an interpreter that is too old, broken or missing is passed over, and the log says why", async () => {
  const notes: string[] = [];
  const settings = { ...unset, interpreter: path.join(root, "missing", "python") };
  const launch = await resolveLaunch(settings, around({ ...selecting(old), env: { PATH: `${path.dirname(broken)}:${path.dirname(good)}` } }), rules(true, notes));
  assert.equal(launch.command, good);
  assert.match(launch.fallback ?? "", /missing\/python .* cannot run the server/);
  assert.ok(notes.some((note) => note.includes("is Python 3.9.18; 3.10 to 3.14 is needed")), notes.join("\n"));
});

test("where there is no Python to use, the message says what to do", async () => {
  await assert.rejects(resolveLaunch(unset, around({ env: { PATH: path.dirname(old) } }), rules(true)), (error: Error) => {
    assert.ok(error instanceof NoServer);
    assert.match(error.message, /Set `trainlint.interpreter`/);
    return true;
  });
});

test("a command in trainlint.path comes first", async () => {
  const launch = await resolveLaunch({ ...unset, path: ["/opt/trainlint", "--quiet"] }, around(), rules(true));
  assert.equal(launch.command, "/opt/trainlint");
  assert.deepEqual(launch.args, ["--quiet"]);
});

test("fromEnvironment uses the environment's trainlint, and the bundled one where there is none", async () => {
  const has = pretend(path.join(root, "has", "python"), [3, 12, 0], `[ "$3" = --version ] && { echo "trainlint 0.9"; exit 0; }`);
  const hasNot = pretend(path.join(root, "has-not", "python"), [3, 12, 0], `[ "$3" = --version ] && exit 1`);
  const settings = { ...unset, importStrategy: "fromEnvironment" } as const;
  const found = await resolveLaunch(settings, around(selecting(has)), rules(true));
  assert.deepEqual([found.command, ...found.args], [has, "-I", path.join(root, "bundled", "installed.py")]);
  const bundled = await resolveLaunch(settings, around(selecting(hasNot)), rules(true));
  assert.equal(bundled.args.at(-1), path.join(root, "bundled", "launch.py"));
  assert.match(bundled.fallback ?? "", /no trainlint is installed/);
});

test("in restricted mode nothing that lies in the workspace is ever started", async () => {
  rmSync(marker, { force: true });
  const inside = pretend(path.join(workspace, ".venv", "bin", "python"), [3, 12, 0]);
  const linkInto = path.join(root, "link-into", "python");
  mkdirSync(path.dirname(linkInto));
  symlinkSync(inside, linkInto);
  const linkOut = path.join(workspace, "bin", "python");
  mkdirSync(path.dirname(linkOut));
  symlinkSync(good, linkOut);
  for (const file of [inside, linkInto, linkOut]) {
    for (const settings of [{ ...unset, interpreter: file }, { ...unset, path: [file] }, { ...unset, importStrategy: "fromEnvironment" } as const]) {
      const surroundings = around({ ...selecting(file), trusted: false, env: { PATH: `${path.dirname(file)}:${workspace}:.` } });
      await assert.rejects(resolveLaunch(settings, surroundings, rules(false)), NoServer);
    }
  }
  assert.equal(spawnSync("test", ["-e", marker]).status, 1, "something was started");
});

test("in restricted mode an interpreter from elsewhere runs the bundled server", async () => {
  const launch = await resolveLaunch({ ...unset, path: ["/opt/trainlint"] }, around({ trusted: false }), rules(false));
  assert.equal(launch.command, good);
});

test("relative entries of the PATH are passed over", () => {
  const found = [...onPath({ PATH: `.:bin::${path.dirname(good)}` }, "linux")].map((candidate) => candidate.path);
  assert.deepEqual(found, [good]);
});

test("a folder is inside itself, its neighbour with a longer name is not", () => {
  assert.ok(liesInside(workspace, [workspace]));
  assert.ok(liesInside(path.join(workspace, "..a", "b"), [workspace]));
  assert.ok(!liesInside(`${workspace}-other/python`, [workspace]));
  assert.ok(!liesInside(path.join(workspace, "..", "python"), [workspace]));
});

test("Python 3.10 to 3.14 can run the server", () => {
  const accepted = [[2, 7], [3, 9], [3, 10], [3, 14], [3, 15], [4, 10]].map(([major, minor]) => isWithin([major ?? 0, minor ?? 0, 0], OF_SERVER));
  assert.deepEqual(accepted, [false, false, true, true, false, false]);
});
