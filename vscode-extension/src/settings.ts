import * as vscode from "vscode";

import { expand, variables } from "./variables";

export type ImportStrategy = "useBundled" | "fromEnvironment";

/** The settings that say which server is started, with their variables expanded. */
export interface ServerSettings {
  readonly interpreter: string;
  readonly importStrategy: ImportStrategy;
  readonly path: readonly string[];
}

/** The settings of probe and watch for one document, with their variables expanded. */
export interface ProbeSettings {
  readonly interpreter: string;
  readonly arguments: readonly string[];
  readonly workingDirectory: string;
  readonly network: boolean;
  readonly device: "" | "cpu";
  /** Seconds. */
  readonly timeLimit: number;
  /** Megabytes, 0 without limit. */
  readonly memoryLimit: number;
  /** Megabytes. */
  readonly scratchLimit: number;
}

export const SECTION = "trainlint";

/** Settings whose change needs a new server process; the server itself asks for the others. */
export const RESTARTING = ["enable", "interpreter", "importStrategy", "path"].map((name) => `${SECTION}.${name}`);

export function serverSettings(): ServerSettings {
  const folder = vscode.workspace.workspaceFolders?.[0];
  const configuration = vscode.workspace.getConfiguration(SECTION, folder?.uri);
  const known = variables(folder?.uri.fsPath);
  return {
    interpreter: expand(configuration.get("interpreter", ""), known),
    importStrategy: configuration.get<ImportStrategy>("importStrategy", "useBundled"),
    path: configuration.get<string[]>("path", []).map((part) => expand(part, known)),
  };
}

export function probeSettings(document: vscode.Uri | undefined): ProbeSettings {
  const folder = document ? vscode.workspace.getWorkspaceFolder(document) : undefined;
  const configuration = vscode.workspace.getConfiguration(`${SECTION}.probe`, document);
  const known = variables(folder?.uri.fsPath);
  return {
    interpreter: expand(configuration.get("interpreter", ""), known),
    arguments: configuration.get<string[]>("arguments", []).map((argument) => expand(argument, known)),
    workingDirectory: expand(configuration.get("workingDirectory", ""), known) || (folder?.uri.fsPath ?? ""),
    network: configuration.get("network", false),
    device: configuration.get<"" | "cpu">("device", ""),
    timeLimit: configuration.get("timeLimit", 60),
    memoryLimit: configuration.get("memoryLimit", 0),
    scratchLimit: configuration.get("scratchLimit", 2048),
  };
}

/** Whether any folder of the window, or the window itself where it has none, wants to be checked. */
export function enabledAnywhere(): boolean {
  const folders = vscode.workspace.workspaceFolders?.map((folder) => folder.uri) ?? [undefined];
  return folders.some((folder) => vscode.workspace.getConfiguration(SECTION, folder).get("enable", true));
}

/** The section of the settings as the server reads it: what is left empty is the project's choice, and null. */
export function forServer(section: unknown): unknown {
  if (typeof section !== "object" || section === null) return section;
  return Object.fromEntries(Object.entries(section).map(([name, value]) => [name, isEmpty(value) ? null : value]));
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
