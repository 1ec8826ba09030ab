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
    .replace(/\$\{(?:(workspaceFolder)|(userHome)|env:([^}]+))\}/g, (_, folder?: string, home?: string, name?: string) => {
      if (folder) return known.workspaceFolder ?? "";
      return home ? known.home : (known.env[name ?? ""] ?? "");
    });
}
