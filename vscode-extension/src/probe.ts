import { execFile } from "node:child_process";
import * as path from "node:path";
import { promisify } from "node:util";

import * as vscode from "vscode";
import {
  type CodeAction,
  CodeActionRequest,
  CodeActionResolveRequest,
  Command,
  ExecuteCommandRequest,
  type LanguageClient,
  ResponseError,
  WorkDoneProgress,
  WorkDoneProgressCancelNotification,
} from "vscode-languageclient/node";

import { type Candidate, choose, type Interpreter, OF_SCRIPTS, onPath, versionText } from "./interpreter";
import type { Launch } from "./launch";
import { isProbeReport } from "./report/model";
import type { ReportPanel } from "./report/panel";
import type { Server } from "./server";
import { type ProbeSettings, probeSettings } from "./settings";

const execute = promisify(execFile);

/** The server's command; it takes one `ProbeRequest` and answers a `ProbeReport`. */
export const PROBE = "trainlint.probe";

/** The server's command that takes a `ProbeRequest` with another text, and answers a `Difference`. */
export const VERIFY = "trainlint.verify";

/** What the other text changes, in words, and whether it lets more weights learn and stops none. */
interface Difference {
  readonly difference: string;
  readonly better: boolean;
}

/** What is run, and how. Progress is reported to `workDoneToken`; `window/workDoneProgress/cancel` for it ends the run. */
interface ProbeRequest {
  readonly uri: string;
  readonly python: string;
  readonly arguments: readonly string[];
  readonly cwd: string;
  readonly device: "cpu" | null;
  readonly network: boolean;
  readonly wall_s: number;
  readonly memory_mb: number | null;
  readonly scratch_mb: number;
  readonly workDoneToken: string;
}

const CONSENT = "trainlint.probe.consent";

/** Everything that runs the user's code. It runs only in a trusted workspace, when asked, and after the user agreed. */
export class Runs {
  private tokens = 0;
  private probing = false;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly server: Server,
    private readonly panel: ReportPanel,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  async probe(uri: vscode.Uri | undefined = vscode.window.activeTextEditor?.document.uri): Promise<void> {
    await this.asked(uri, PROBE, (client, run) => this.runProbe(client, run));
  }

  /** Runs the text with a fix of one line beside the text as it is, shows what the fix changes, and applies it on consent. */
  async verifyFix(place?: vscode.Range): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    const { connection } = this.server;
    if (editor === undefined || connection === undefined) return;
    const { document } = editor;
    const { version } = document;
    const fix = await chooseFix(connection, document, place ?? editor.selection);
    if (fix === undefined) return;
    const text = withEdits(document, fix.edit.get(document.uri));
    await this.asked(document.uri, VERIFY, async (client, run) => {
      const answer = await this.answered(client, run, VERIFY, { text });
      if (!isDifference(answer)) return;
      const apply = "Apply";
      const message = answer.better ? "With the fix more weights learn." : "The fix does not let more weights learn.";
      const detail = `${fix.title}\n\n${answer.difference}`;
      if ((await vscode.window.showInformationMessage(message, { modal: true, detail }, apply)) !== apply) return;
      if (document.version !== version) {
        void vscode.window.showWarningMessage("The text was edited while the fix was tried, so nothing was changed. Try it again.");
        return;
      }
      await vscode.workspace.applyEdit(fix.edit);
    });
  }

  /** Does what runs the user's code, after consent, and one at a time. */
  private async asked(uri: vscode.Uri | undefined, command: string, body: (client: LanguageClient, run: Run) => Promise<void>): Promise<void> {
    const run = await this.prepare(uri, "probe");
    if (run === undefined) return;
    const { connection: client, running: launch } = this.server;
    if (client?.initializeResult?.capabilities.executeCommandProvider?.commands.includes(command) !== true || launch === undefined) {
      void vscode.window.showErrorMessage(
        client === undefined
          ? "trainlint's server is not running, so there is nothing to probe with. The log says why."
          : "The trainlint that runs here cannot probe; use the bundled one (`trainlint.importStrategy`).",
      );
      return;
    }
    if (this.probing) {
      void vscode.window.showInformationMessage("A probe is running already; cancel it in its notification, or wait for it.");
      return;
    }
    if (!(await this.agreed(run, launch))) return;
    this.probing = true;
    try {
      await body(client, run);
    } finally {
      this.probing = false;
    }
  }

  async watch(uri: vscode.Uri | undefined = vscode.window.activeTextEditor?.document.uri): Promise<void> {
    const run = await this.prepare(uri, "watch");
    const launch = this.server.running;
    if (run === undefined) return;
    if (launch === undefined) {
      void vscode.window.showErrorMessage("trainlint is not running, so there is nothing to watch with. The log says why.");
      return;
    }
    if (run.document.isDirty && !(await run.document.save())) return;
    const args = [...launch.args, "watch", "--python", run.python.path, run.document.uri.fsPath];
    if (run.settings.arguments.length > 0) args.push("--", ...run.settings.arguments);
    const task = new vscode.Task(
      { type: "trainlint" },
      vscode.workspace.getWorkspaceFolder(run.document.uri) ?? vscode.TaskScope.Workspace,
      `watch ${path.basename(run.document.uri.fsPath)}`,
      "trainlint",
      new vscode.ProcessExecution(launch.command, args, run.settings.workingDirectory ? { cwd: run.settings.workingDirectory } : {}),
    );
    task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, panel: vscode.TaskPanelKind.Dedicated, clear: true };
    await vscode.tasks.executeTask(task);
  }

  /** The document and the Python to run it with, or undefined after the user was told why there is none. */
  private async prepare(uri: vscode.Uri | undefined, what: "probe" | "watch"): Promise<Run | undefined> {
    if (!vscode.workspace.isTrusted) {
      const manage = "Manage Workspace Trust";
      const chosen = await vscode.window.showWarningMessage(
        `In restricted mode trainlint reads your code and does not run it. Trust this workspace to ${what} it.`,
        manage,
      );
      if (chosen === manage) await vscode.commands.executeCommand("workbench.trust.manage");
      return undefined;
    }
    const document = vscode.workspace.textDocuments.find((open) => open.uri.toString() === uri?.toString());
    if (document?.languageId !== "python" || document.uri.scheme !== "file") {
      void vscode.window.showInformationMessage(`Open the training script to ${what}: a Python file that is saved on disk.`);
      return undefined;
    }
    const settings = probeSettings(document.uri);
    const python = await this.python(document.uri, settings);
    return python && { document, settings, python };
  }

  /** The Python that scripts of `scope` run with, noted in the log; undefined where there is none. */
  async interpreter(scope: vscode.Uri | undefined): Promise<Interpreter | undefined> {
    const rules = this.server.rules();
    const configured = probeSettings(scope).interpreter;
    let candidates: Candidate[];
    if (configured) {
      candidates = [{ path: configured, origin: "the setting trainlint.probe.interpreter" }];
    } else {
      const selected = await this.server.python.selected(scope);
      candidates = [...(selected ? [selected] : []), ...onPath(process.env, process.platform)];
    }
    const python = await choose(candidates, rules, OF_SCRIPTS);
    this.log.info(`probe python: ${python ? `${python.path}, ${versionText(python)}, from ${python.origin}` : "none"}`);
    return python;
  }

  private async python(document: vscode.Uri, settings: ProbeSettings): Promise<Interpreter | undefined> {
    const python = await this.interpreter(document);
    if (python !== undefined) return python;
    const settingsButton = "Open Settings";
    const reason = settings.interpreter ? `${settings.interpreter} is not a Python 3.8 or newer` : "No Python 3.8 or newer is found";
    const chosen = await vscode.window.showErrorMessage(
      `${reason}. Set \`trainlint.probe.interpreter\` to the Python that has your torch.`,
      settingsButton,
    );
    if (chosen) await vscode.commands.executeCommand("workbench.action.openSettings", "trainlint.probe.interpreter");
    return undefined;
  }

  /** Asks once per workspace and kind of sandbox, and says what will happen. */
  private async agreed({ document, settings, python }: Run, launch: Launch): Promise<boolean> {
    const sandbox = await this.sandbox(launch, settings.network);
    if (sandbox === undefined) return false;
    if (this.context.workspaceState.get<string>(CONSENT) === sandbox.kind) return true;
    const folder = settings.workingDirectory || path.dirname(document.uri.fsPath);
    const run = "Probe";
    const chosen = await vscode.window.showInformationMessage(
      `Run ${path.basename(document.uri.fsPath)} until its first training steps are done?`,
      {
        modal: true,
        detail: [
          `It runs with ${python.path} in ${folder}, for at most ${settings.timeLimit} seconds, and is ended as soon as it is known what learns.`,
          sandbox.promise,
          "You are asked once for this workspace.",
        ].join("\n\n"),
      },
      run,
    );
    if (chosen !== run) return false;
    await this.context.workspaceState.update(CONSENT, sandbox.kind);
    return true;
  }

  /** The sandbox of this machine, and its own words for what it holds and what not. */
  private async sandbox(launch: Launch, network: boolean): Promise<{ kind: string; promise: string } | undefined> {
    const args = [...launch.args, "probe", "--show-sandbox", ...(network ? ["--network"] : [])];
    try {
      const { stdout } = await execute(launch.command, args, { cwd: this.server.rules().cwd, timeout: 30_000, windowsHide: true });
      const [level = "", , ...promise] = stdout.trim().split(/\r?\n/);
      return { kind: network ? `${level}, network` : level, promise: promise.join(" ") };
    } catch (error) {
      this.failed(error);
      return undefined;
    }
  }

  private async runProbe(client: LanguageClient, run: Run): Promise<void> {
    const { document } = run;
    const { version } = document;
    const answer = await this.answered(client, run, PROBE, {});
    if (answer === undefined) return;
    if (isProbeReport(answer)) this.panel.show(answer, document.uri, document.version !== version);
    else this.failed(new Error("the server answered something that is not a report"));
  }

  /** What the server answers to a command that runs the document; undefined after a cancel, or after the user was told of a failure. */
  private async answered(
    client: LanguageClient,
    { document, settings, python }: Run,
    command: string,
    more: { readonly text?: string },
  ): Promise<unknown> {
    const workDoneToken = `trainlint-probe-${++this.tokens}`;
    const request: ProbeRequest = {
      uri: client.code2ProtocolConverter.asUri(document.uri),
      python: python.path,
      arguments: settings.arguments,
      cwd: settings.workingDirectory || path.dirname(document.uri.fsPath),
      device: settings.device || null,
      network: settings.network,
      wall_s: settings.timeLimit,
      memory_mb: settings.memoryLimit || null,
      scratch_mb: settings.scratchLimit,
      workDoneToken,
    };
    const location = vscode.ProgressLocation.Notification;
    const title = `Probing ${path.basename(document.uri.fsPath)}`;
    return vscode.window.withProgress({ location, title, cancellable: true }, async (progress, cancel): Promise<unknown> => {
      const listening = client.onProgress(WorkDoneProgress.type, workDoneToken, (value) => {
        if (value.message) progress.report({ message: value.message });
      });
      // Not `$/cancelRequest`, which is answered at once: this is answered when every process of the run has ended.
      const cancelling = cancel.onCancellationRequested(() => {
        void client.sendNotification(WorkDoneProgressCancelNotification.type, { token: workDoneToken });
      });
      try {
        const answer: unknown = await client.sendRequest(ExecuteCommandRequest.type, { command, arguments: [{ ...request, ...more }] });
        return cancel.isCancellationRequested ? undefined : answer;
      } catch (error) {
        if (cancel.isCancellationRequested) this.log.info("the probe was cancelled");
        else this.failed(error);
        return undefined;
      } finally {
        listening.dispose();
        cancelling.dispose();
      }
    });
  }

  private failed(error: unknown): void {
    const reason = error instanceof ResponseError || error instanceof Error ? error.message : String(error);
    this.log.error(`the probe failed: ${reason}`);
    const show = "Show Log";
    void vscode.window.showErrorMessage(`The probe failed: ${reason}`, show).then((chosen) => {
      if (chosen === show) void vscode.commands.executeCommand("trainlint.showLog");
    });
  }
}

interface Run {
  readonly document: vscode.TextDocument;
  readonly settings: ProbeSettings;
  readonly python: Interpreter;
}

interface ChosenFix {
  readonly title: string;
  readonly edit: vscode.WorkspaceEdit;
}

/** The fix on the line of `range`, the user's choice where there are several; undefined after the user was told that there is none. */
async function chooseFix(client: LanguageClient, document: vscode.TextDocument, range: vscode.Range): Promise<ChosenFix | undefined> {
  const answer = await client.sendRequest(CodeActionRequest.type, {
    textDocument: client.code2ProtocolConverter.asTextDocumentIdentifier(document),
    range: client.code2ProtocolConverter.asRange(document.lineAt(range.start.line).range),
    context: { diagnostics: [], only: [vscode.CodeActionKind.QuickFix.value] },
  });
  const fixes: CodeAction[] = [];
  for (const action of answer ?? []) {
    // What restructures has no edit before it is resolved, which `CodeAction.is` does not know of.
    if (!Command.is(action) && (action.edit ?? action.data) !== undefined && !silences(action)) fixes.push(action);
  }
  let chosen = fixes[0];
  if (fixes.length > 1) {
    const label = await vscode.window.showQuickPick(fixes.map(({ title }) => title), { title: "Which fix is to be tried?" });
    if (label === undefined) return undefined;
    chosen = fixes.find(({ title }) => title === label);
  }
  const resolved = chosen === undefined || chosen.edit !== undefined ? chosen : await client.sendRequest(CodeActionResolveRequest.type, chosen);
  const edit = await client.protocol2CodeConverter.asWorkspaceEdit(resolved?.edit);
  if (resolved !== undefined && edit?.has(document.uri)) return { title: resolved.title, edit };
  void vscode.window.showInformationMessage("trainlint has no fix for this line.");
  return undefined;
}

/** `actions` at `place` with one more where there is a fix: to try it out first. */
export function withTrial(actions: readonly (vscode.Command | vscode.CodeAction)[], place: vscode.Range): (vscode.Command | vscode.CodeAction)[] {
  const isFix = (action: vscode.Command | vscode.CodeAction): boolean =>
    action instanceof vscode.CodeAction && action.kind?.value === vscode.CodeActionKind.QuickFix.value && !action.command && !silences(action);
  const fixes = actions.filter(isFix);
  if (fixes.length === 0 || !vscode.workspace.isTrusted) return [...actions];
  const title = "Apply fix and verify with a probe step";
  const trial = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
  trial.command = { title, command: "trainlint.verifyFix", arguments: [place] };
  // Actions without a diagnostic are listed behind all others.
  trial.diagnostics = fixes.flatMap((fix) => (fix instanceof vscode.CodeAction ? (fix.diagnostics ?? []) : []));
  return [...fixes, trial, ...actions.filter((action) => !isFix(action))];
}

/** Whether an action only writes the comment that silences a finding. */
function silences({ title }: { readonly title: string }): boolean {
  return title.startsWith("Ignore TRN");
}

function withEdits(document: vscode.TextDocument, edits: readonly vscode.TextEdit[]): string {
  let text = document.getText();
  for (const edit of [...edits].sort((one, other) => other.range.start.compareTo(one.range.start))) {
    text = text.slice(0, document.offsetAt(edit.range.start)) + edit.newText + text.slice(document.offsetAt(edit.range.end));
  }
  return text;
}

function isDifference(answer: unknown): answer is Difference {
  const { difference, better } = (answer ?? {}) as Partial<Difference>;
  return typeof difference === "string" && typeof better === "boolean";
}
