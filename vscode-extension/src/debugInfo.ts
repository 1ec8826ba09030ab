import * as vscode from "vscode";

import { versionText } from "./interpreter";
import type { Runs } from "./probe";
import type { Server } from "./server";
import { SECTION } from "./settings";

/** Opens a document to paste into an issue: versions, what runs and why, and the settings that are set. */
export async function debugInformation(context: vscode.ExtensionContext, server: Server, runs: Runs): Promise<void> {
  const { version } = context.extension.packageJSON as { version: string };
  const python = vscode.workspace.isTrusted ? await runs.interpreter(vscode.workspace.workspaceFolders?.[0]?.uri) : undefined;
  const lines = [
    "# trainlint",
    "",
    `- extension ${version}`,
    `- VS Code ${vscode.version}, ${process.platform} ${process.arch}, ${vscode.env.remoteName ?? "local"}`,
    `- server ${server.connection?.initializeResult?.serverInfo?.version ?? "not running"}`,
    ...(server.running ? [`- started as: ${server.running.summary}; ${server.running.origin}`] : []),
    ...(server.running?.fallback ? [`- ${server.running.fallback}`] : []),
    `- scripts run with: ${python ? `Python ${versionText(python)}; ${python.path} from ${python.origin}` : "nothing"}`,
    `- workspace trusted: ${String(vscode.workspace.isTrusted)}`,
    `- workspace folders: ${vscode.workspace.workspaceFolders?.length ?? 0}`,
    "",
    "Settings that are set:",
    "",
    "```json",
    JSON.stringify(settingsThatAreSet(context), undefined, 2),
    "```",
    "",
  ];
  const document = await vscode.workspace.openTextDocument({ language: "markdown", content: lines.join("\n") });
  await vscode.window.showTextDocument(document);
}

function settingsThatAreSet(context: vscode.ExtensionContext): Record<string, unknown> {
  const { contributes } = context.extension.packageJSON as {
    contributes: { configuration: { properties: Record<string, unknown> }[] };
  };
  const names = contributes.configuration.flatMap((group) => Object.keys(group.properties));
  const configuration = vscode.workspace.getConfiguration(undefined, vscode.workspace.workspaceFolders?.[0]?.uri);
  const result: Record<string, unknown> = {};
  for (const name of names.filter((name) => name.startsWith(`${SECTION}.`))) {
    const found = configuration.inspect(name);
    const set = found?.workspaceFolderValue ?? found?.workspaceValue ?? found?.globalValue;
    if (set !== undefined) result[name] = set;
  }
  return result;
}
