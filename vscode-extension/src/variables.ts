import * as os from "node:os";

/** What `${workspaceFolder}`, `${env:NAME}` and a leading `~` stand for. */
export interface Variables {
  readonly workspaceFolder: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

export function variables(workspaceFolder: string | undefined): Variables {
  return { workspaceFolder, env: process.env, home: os.homedir() };
}

/** Expands the variables of a setting; an unknown or empty one becomes the empty string, as in VS Code's own settings. */
export function expand(text: string, known: Variables): string {
  return text
    .replace(/^~(?=$|[\\/])/, () => known.home)
    .replace(/\$\{workspaceFolder\}/g, () => known.workspaceFolder ?? "")
    .replace(/\$\{userHome\}/g, () => known.home)
    .replace(/\$\{env:([^}]+)\}/g, (_, name: string) => known.env[name] ?? "");
}
