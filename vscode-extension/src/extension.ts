import * as vscode from "vscode";

import { debugInformation } from "./debugInfo";
import { PythonExtensions } from "./pythonExtensions";
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
  server = started;

  const command = (name: string, run: (...args: unknown[]) => unknown): vscode.Disposable =>
    vscode.commands.registerCommand(`trainlint.${name}`, run);
  context.subscriptions.push(
    log,
    serverLog,
    traceLog,
    status,
    python,
    started,
    command("restart", () => started.restartByHand()),
    command("showLog", () => log.show(true)),
    command("debugInfo", () => debugInformation(context, started)),
  );
  log.info(`trainlint extension ${(context.extension.packageJSON as { version: string }).version}`);
  await started.restart();
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}
