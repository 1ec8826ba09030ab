import * as vscode from "vscode";

import { debugInformation } from "./debugInfo";
import { PROBE, Runs, VERIFY, withTrial } from "./probe";
import { PythonExtensions } from "./pythonExtensions";
import { ReportPanel } from "./report/panel";
import { SELECTOR, Server } from "./server";
import { Status } from "./status";

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = vscode.window.createOutputChannel("trainlint", { log: true });
  const serverLog = vscode.window.createOutputChannel("trainlint server", { log: true });
  const traceLog = vscode.window.createOutputChannel("trainlint trace", { log: true });
  const status = new Status([...SELECTOR]);
  const python = new PythonExtensions((line) => log.info(line));
  const started = new Server(context, log, serverLog, traceLog, status, python);
  started.handleActions(withTrial);
  const panel = new ReportPanel(context.extensionUri);
  const runs = new Runs(context, started, panel, log);
  server = started;
  // The server's own command, as its code lenses call it, goes through consent like the palette's.
  started.handleCommands((command, [target]) => {
    if (command === PROBE) return runs.probe(uriOf(target));
    return command === VERIFY ? runs.verifyFix() : undefined;
  });

  const command = (name: string, run: (...args: unknown[]) => unknown): vscode.Disposable =>
    vscode.commands.registerCommand(`trainlint.${name}`, run);
  context.subscriptions.push(
    log,
    serverLog,
    traceLog,
    status,
    python,
    started,
    panel,
    command("probeStep", (target) => runs.probe(uriOf(target))),
    command("verifyFix", (place) => runs.verifyFix(place instanceof vscode.Range ? place : undefined)),
    command("watchRun", (target) => runs.watch(uriOf(target))),
    command("showReport", () => {
      if (!panel.reveal()) void vscode.window.showInformationMessage("There is no report yet. Probe a training script first.");
    }),
    command("restart", () => started.restartByHand()),
    command("showLog", () => log.show(true)),
    command("debugInfo", () => debugInformation(context, started, runs)),
  );
  log.info(`trainlint extension ${(context.extension.packageJSON as { version: string }).version}`);
  await started.restart();
  if (vscode.workspace.isTrusted) await runs.interpreter(vscode.workspace.workspaceFolders?.[0]?.uri);
}

/** The document a command is meant for: a menu gives its address, a code lens a string or `{uri}`, the palette nothing. */
function uriOf(target: unknown): vscode.Uri | undefined {
  if (target instanceof vscode.Uri) return target;
  if (typeof target === "string") return vscode.Uri.parse(target);
  const { uri } = (target ?? {}) as { uri?: unknown };
  return typeof uri === "string" ? vscode.Uri.parse(uri) : undefined;
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}
