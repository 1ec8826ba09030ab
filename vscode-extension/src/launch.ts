import { execFile } from "node:child_process";
import * as path from "node:path";
import { promisify } from "node:util";

import { type Candidate, choose, inspect, OF_SERVER, onPath, rangeText, refusal, type Rules, versionText } from "./interpreter";
import type { ServerSettings } from "./settings";

const run = promisify(execFile);

/** A trainlint that can be started: append `server`, `watch` or another command to `args`. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  /** Such as "bundled, Python 3.12.1". */
  readonly summary: string;
  /** Why this one, such as "/opt/venv/bin/python from the Python extension". */
  readonly origin: string;
  /** Set where a setting asked for something else; the user reads it in the status item, not in a message. */
  readonly fallback: string | undefined;
}

/** Nothing could be started; the message says what the user can do. */
export class NoServer extends Error {}

export interface Surroundings {
  readonly trusted: boolean;
  readonly bundled: string;
  readonly env: NodeJS.ProcessEnv;
  readonly platform: NodeJS.Platform;
  selected(): Promise<Candidate | undefined>;
}

/** Decides which trainlint is started, and by which Python; every step is noted. */
export async function resolveLaunch(settings: ServerSettings, around: Surroundings, rules: Rules): Promise<Launch> {
  const [program, ...rest] = settings.path;
  if (program && around.trusted) {
    const refused = refusal(program, rules);
    if (refused === undefined) {
      return { command: program, args: rest, summary: program, origin: "the setting trainlint.path", fallback: undefined };
    }
    rules.note(`\`trainlint.path\` ${program} is not used: ${refused}`);
  }

  let fallback: string | undefined;
  const configured: Candidate[] = settings.interpreter
    ? [{ path: settings.interpreter, origin: "the setting trainlint.interpreter" }]
    : [];
  const selected = await around.selected();

  if (settings.importStrategy === "fromEnvironment" && around.trusted) {
    const [environment] = [...configured, ...(selected ? [selected] : [])];
    const installed = environment && (await installedIn(environment, around.bundled, rules));
    if (installed) return installed;
    fallback = environment
      ? `no trainlint is installed for ${environment.path}: the bundled one runs`
      : "no environment is selected: the bundled trainlint runs";
    rules.note(fallback);
  }

  const candidates = [...configured, ...(selected ? [selected] : []), ...onPath(around.env, around.platform)];
  const interpreter = await choose(candidates, rules, OF_SERVER);
  if (interpreter === undefined) {
    throw new NoServer(
      `trainlint needs a Python from ${rangeText(OF_SERVER)} to run its server and finds none. ` +
        "Set `trainlint.interpreter` to one, or select one in the Python extension.",
    );
  }
  if (settings.interpreter && interpreter.origin !== configured[0]?.origin) {
    fallback = `${settings.interpreter} (trainlint.interpreter) cannot run the server: ${interpreter.path} does`;
  }
  return {
    command: interpreter.path,
    args: ["-I", "-S", path.join(around.bundled, "launch.py")],
    summary: `bundled, Python ${versionText(interpreter)}`,
    origin: `${interpreter.path} from ${interpreter.origin}`,
    fallback,
  };
}

async function installedIn(environment: Candidate, bundled: string, rules: Rules): Promise<Launch | undefined> {
  const interpreter = await inspect(environment, rules);
  if (interpreter === undefined) return undefined;
  const args = ["-I", path.join(bundled, "installed.py")];
  try {
    const { stdout } = await run(interpreter.path, [...args, "--version"], {
      cwd: rules.cwd,
      timeout: 15_000,
      windowsHide: true,
    });
    return {
      command: interpreter.path,
      args,
      summary: `${stdout.trim()} of the environment, Python ${versionText(interpreter)}`,
      origin: `${interpreter.path} from ${interpreter.origin}`,
      fallback: undefined,
    };
  } catch {
    return undefined;
  }
}
