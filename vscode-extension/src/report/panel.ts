import * as path from "node:path";

import * as vscode from "vscode";

import type { ProbeReport } from "./model";
import { reportPage } from "./page";

const OPEN = "trainlint.openPlace";

/** The panel beside the editor that shows the last report; there is one per window. */
export class ReportPanel implements vscode.Disposable {
  private panel: vscode.WebviewPanel | undefined;
  private shown: { readonly report: ProbeReport; readonly document: vscode.Uri; outdated: boolean } | undefined;
  private readonly subscriptions: vscode.Disposable[];

  constructor(private readonly extension: vscode.Uri) {
    this.subscriptions = [
      vscode.commands.registerCommand(OPEN, openPlace),
      vscode.workspace.onDidChangeTextDocument((change) => this.edited(change)),
    ];
  }

  show(report: ProbeReport, document: vscode.Uri, outdated: boolean): void {
    this.shown = { report, document, outdated };
    this.reveal();
  }

  /** False where there is no report yet. */
  reveal(): boolean {
    if (this.shown === undefined) return false;
    if (this.panel === undefined) {
      const column = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
      this.panel = vscode.window.createWebviewPanel("trainlint.report", "Probe", column, {
        enableScripts: false,
        enableCommandUris: [OPEN],
        localResourceRoots: [vscode.Uri.joinPath(this.extension, "media")],
      });
      this.panel.onDidDispose(() => {
        this.panel = undefined;
      });
    } else {
      this.panel.reveal(undefined, true);
    }
    this.render();
    return true;
  }

  dispose(): void {
    this.subscriptions.forEach((subscription) => subscription.dispose());
    this.panel?.dispose();
  }

  private edited(change: vscode.TextDocumentChangeEvent): void {
    if (this.shown === undefined || this.shown.outdated || change.contentChanges.length === 0) return;
    if (change.document.uri.toString() !== this.shown.document.toString()) return;
    this.shown.outdated = true;
    this.render();
  }

  private render(): void {
    if (this.panel === undefined || this.shown === undefined) return;
    const { webview } = this.panel;
    const title = path.posix.basename(this.shown.document.path);
    this.panel.title = `Probe: ${title}`;
    webview.html = reportPage(this.shown.report, {
      title,
      styleSheet: webview.asWebviewUri(vscode.Uri.joinPath(this.extension, "media", "report.css")).toString(),
      styleSource: webview.cspSource,
      outdated: this.shown.outdated,
      link: (file, line) => `command:${OPEN}?${encodeURIComponent(JSON.stringify([file, line]))}`,
    });
  }
}

async function openPlace(file: unknown, line: unknown): Promise<void> {
  if (typeof file !== "string" || typeof line !== "number") return;
  const start = new vscode.Position(Math.max(0, line - 1), 0);
  await vscode.window.showTextDocument(vscode.Uri.file(file), {
    viewColumn: vscode.ViewColumn.One,
    selection: new vscode.Range(start, start),
  });
}
