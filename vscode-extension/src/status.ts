import * as vscode from "vscode";

/** What the server is doing, as the language status item of Python files shows it. */
export class Status implements vscode.Disposable {
  private readonly item: vscode.LanguageStatusItem;

  constructor(selector: vscode.DocumentSelector) {
    this.item = vscode.languages.createLanguageStatusItem("trainlint.status", selector);
    this.item.name = "trainlint";
    this.item.command = { command: "trainlint.showLog", title: "Show Log" };
    this.starting();
  }

  starting(): void {
    this.show("trainlint", "starting", vscode.LanguageStatusSeverity.Information, true);
  }

  /** `fallback` says which setting could not be followed. */
  running(version: string, how: string, fallback: string | undefined): void {
    const severity = fallback ? vscode.LanguageStatusSeverity.Warning : vscode.LanguageStatusSeverity.Information;
    this.show(`trainlint ${version}`, fallback ?? how, severity);
  }

  restricted(version: string): void {
    this.show(
      `trainlint ${version}`,
      "restricted mode: the text is analysed, nothing is run",
      vscode.LanguageStatusSeverity.Information,
    );
  }

  off(): void {
    this.show("trainlint", "switched off by trainlint.enable", vscode.LanguageStatusSeverity.Information);
  }

  failed(reason: string): void {
    this.show("trainlint is not running", reason, vscode.LanguageStatusSeverity.Error);
  }

  dispose(): void {
    this.item.dispose();
  }

  private show(text: string, detail: string, severity: vscode.LanguageStatusSeverity, busy = false): void {
    this.item.text = text;
    this.item.detail = detail;
    this.item.severity = severity;
    this.item.busy = busy;
  }
}
