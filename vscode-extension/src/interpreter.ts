import { execFile } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { promisify } from "node:util";

import { liesInside } from "./paths";

const run = promisify(execFile);

/** A range of minor versions of Python 3. */
export interface Minors {
  readonly first: number;
  readonly last: number;
}

/** What the server and its native libraries are built for. */
export const OF_SERVER: Minors = { first: 10, last: 14 };

/** What the agent that looks into a user's script is written for. */
export const OF_SCRIPTS: Minors = { first: 8, last: Infinity };

/** A Python that answered, and why it was asked. */
export interface Interpreter {
  /** Absolute path, as the interpreter itself gives it. */
  readonly path: string;
  /** Such as `[3, 12, 1]`. */
  readonly version: readonly [number, number, number];
  /** Such as ``the setting `trainlint.interpreter` ``. */
  readonly origin: string;
}

/** A place where an interpreter may be, not yet started. */
export interface Candidate {
  readonly path: string;
  readonly origin: string;
}

/** What may be started, and from where. `forbidden` folders hold code that nobody has vouched for. */
export interface Rules {
  readonly forbidden: readonly string[];
  /** Folder that starting happens in: never the workspace, whose files could be taken for modules. */
  readonly cwd: string;
  note(line: string): void;
}

export function versionText(interpreter: Interpreter): string {
  return interpreter.version.join(".");
}

export function isWithin([major, minor]: Interpreter["version"], minors: Minors): boolean {
  return major === 3 && minor >= minors.first && minor <= minors.last;
}

/** Such as "3.10 to 3.14". */
export function rangeText({ first, last }: Minors): string {
  return Number.isFinite(last) ? `3.${first} to 3.${last}` : `3.${first} or newer`;
}

/** Why `candidate` may not be started, or undefined where it may. */
export function refusal(candidate: string, rules: Rules): string | undefined {
  if (!path.isAbsolute(candidate)) return "its path is not absolute";
  if (rules.forbidden.length > 0 && liesInside(candidate, rules.forbidden)) {
    return "it lies inside a workspace that is not trusted";
  }
  return undefined;
}

/** Starts `candidate` isolated (no site, no environment variables, no current directory) and asks who it is. */
export async function inspect(candidate: Candidate, rules: Rules): Promise<Interpreter | undefined> {
  const refused = refusal(candidate.path, rules);
  if (refused !== undefined) {
    rules.note(`${candidate.path} (${candidate.origin}) is not used: ${refused}`);
    return undefined;
  }
  const question = "import json, sys; print(json.dumps([sys.executable, *sys.version_info[:3]]))";
  try {
    const { stdout } = await run(candidate.path, ["-I", "-S", "-c", question], {
      cwd: rules.cwd,
      timeout: 15_000,
      windowsHide: true,
    });
    const [executable, major, minor, micro] = JSON.parse(stdout) as [string, number, number, number];
    const resolved = executable || candidate.path;
    const stillRefused = refusal(resolved, rules);
    if (stillRefused !== undefined) {
      rules.note(`${resolved} (${candidate.origin}) is not used: ${stillRefused}`);
      return undefined;
    }
    return { path: resolved, version: [major, minor, micro], origin: candidate.origin };
  } catch (error) {
    rules.note(`${candidate.path} (${candidate.origin}) does not answer as a Python: ${firstLine(error)}`);
    return undefined;
  }
}

/** The first candidate that answers and is accepted; the others are noted with their reason. */
export async function choose(
  candidates: Iterable<Candidate>,
  rules: Rules,
  minors: Minors,
): Promise<Interpreter | undefined> {
  const seen = new Set<string>();
  for (const candidate of candidates) {
    if (seen.has(candidate.path)) continue;
    seen.add(candidate.path);
    const interpreter = await inspect(candidate, rules);
    if (interpreter === undefined) continue;
    if (isWithin(interpreter.version, minors)) return interpreter;
    rules.note(`${interpreter.path} (${interpreter.origin}) is Python ${versionText(interpreter)}; ${rangeText(minors)} is needed`);
  }
  return undefined;
}

/** Interpreters of the `PATH`, best first. Entries that are not absolute depend on the current directory and are passed over. */
export function* onPath(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): Generator<Candidate> {
  const variable = Object.keys(env).find((name) => name.toUpperCase() === "PATH");
  const folders = ((variable && env[variable]) || "").split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  const minors = Array.from({ length: OF_SERVER.last - OF_SERVER.first + 1 }, (_, i) => `python3.${OF_SERVER.last - i}`);
  const names = platform === "win32" ? ["python.exe", "py.exe"] : ["python3", "python", ...minors];
  for (const name of names) {
    for (const folder of folders) {
      const file = path.join(folder, name);
      if (isExecutable(file)) yield { path: file, origin: "the PATH" };
    }
  }
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

function firstLine(error: unknown): string {
  const failure = error as { stderr?: string; message?: string };
  const text = failure.stderr?.trim() || failure.message || String(error);
  return text.split("\n", 1)[0] ?? text;
}
