import { type ChildProcess, spawn } from "node:child_process";
import * as readline from "node:readline";

import * as vscode from "vscode";
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  type LanguageClientOptions,
  type Middleware,
  RevealOutputChannelOn,
} from "vscode-languageclient/node";

import { Crashes } from "./crashes";
import { type Rules } from "./interpreter";
import { type Launch, NoServer, resolveLaunch } from "./launch";
import { PythonExtensions } from "./pythonExtensions";
import { serialised } from "./serialise";
import { enabledAnywhere, forServer, RESTARTING, SECTION, serverSettings } from "./settings";
import type { Status } from "./status";

export const SELECTOR: readonly { readonly scheme: string; readonly language: string }[] = [
  { scheme: "file", language: "python" },
  { scheme: "untitled", language: "python" },
];

/** Answers a command of the server before it is sent; undefined lets it pass. */
export type CommandHandler = (command: string, args: readonly unknown[]) => Promise<unknown> | undefined;

/** Answers the actions at a place with more of them. */
export type ActionHandler = (actions: (vscode.Command | vscode.CodeAction)[], place: vscode.Range) => (vscode.Command | vscode.CodeAction)[];

/** Never shows a message of its own: what the user should know is said once, by `Server`. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

/** The running language server: started, restarted one at a time, and watched. */
export class Server implements vscode.Disposable {
  /** Starts the server anew with the settings of this moment. */
  readonly restart: () => Promise<void>;

  private client: LanguageClient | undefined;
  private launch: Launch | undefined;
  private child: ChildProcess | undefined;
  private lastLines: string[] = [];
  private readonly crashes = new Crashes();
  private readonly subscriptions: vscode.Disposable[];
  private commandHandler: CommandHandler = () => undefined;
  private actionHandler: ActionHandler = (actions) => actions;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
    private readonly serverLog: vscode.LogOutputChannel,
    private readonly traceLog: vscode.LogOutputChannel,
    private readonly status: Status,
    readonly python: PythonExtensions,
  ) {
    this.restart = serialised(() => this.startAnew());
    this.subscriptions = [
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (RESTARTING.some((setting) => change.affectsConfiguration(setting))) this.requestRestart("a setting changed");
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.requestRestart("the workspace is trusted now")),
      python.onDidChange(() => void this.restartIfInterpreterChanged()),
    ];
  }

  handleCommands(handler: CommandHandler): void {
    this.commandHandler = handler;
  }

  handleActions(handler: ActionHandler): void {
    this.actionHandler = handler;
  }

  /** The connection while the server runs, else undefined. */
  get connection(): LanguageClient | undefined {
    return this.client?.isRunning() ? this.client : undefined;
  }

  get running(): Launch | undefined {
    return this.connection && this.launch;
  }

  /** What may be started at this moment. Restricted mode forbids everything that lies in the workspace. */
  rules(): Rules {
    const folders = vscode.workspace.workspaceFolders ?? [];
    return {
      forbidden: vscode.workspace.isTrusted ? [] : folders.map((folder) => folder.uri.fsPath),
      cwd: this.context.extensionPath,
      note: (line) => this.log.info(line),
    };
  }

  /** The user asks: a loop of crashes is forgotten. */
  async restartByHand(): Promise<void> {
    this.crashes.forget();
    await this.restart();
  }

  dispose(): void {
    this.subscriptions.forEach((subscription) => subscription.dispose());
  }

  async stop(): Promise<void> {
    const { client, child } = this;
    this.client = undefined;
    this.launch = undefined;
    this.child = undefined;
    await client?.dispose().catch((error: unknown) => this.log.info(`the server did not stop by itself: ${String(error)}`));
    if (child !== undefined) endAfter(child, 2_000);
  }

  private requestRestart(reason: string): void {
    this.log.info(`restarting: ${reason}`);
    void this.restart();
  }

  private async restartIfInterpreterChanged(): Promise<void> {
    if (!enabledAnywhere()) return;
    const resolved = await this.resolve().catch(() => undefined);
    if (resolved !== undefined && JSON.stringify(resolved) === JSON.stringify(this.launch)) return;
    this.requestRestart("the selected interpreter changed");
  }

  private resolve(): Promise<Launch> {
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
    return resolveLaunch(
      serverSettings(),
      {
        trusted: vscode.workspace.isTrusted,
        bundled: this.context.asAbsolutePath("bundled"),
        env: process.env,
        platform: process.platform,
        selected: () => this.python.selected(folder),
      },
      this.rules(),
    );
  }

  private async startAnew(): Promise<void> {
    await this.stop();
    if (!enabledAnywhere()) {
      this.status.off();
      return;
    }
    this.status.starting();
    let launch: Launch;
    try {
      launch = await this.resolve();
    } catch (error) {
      this.giveUp(error instanceof NoServer ? error.message : `trainlint cannot start: ${String(error)}`, [
        ["Open Settings", () => vscode.commands.executeCommand("workbench.action.openSettings", "trainlint.interpreter")],
      ]);
      return;
    }
    this.launch = launch;
    this.log.info(`server: ${launch.summary}; ${launch.origin}`);
    this.log.info(`server command: ${commandLine(launch)}`);

    let ended = false;
    const onEnd = (): void => {
      if (ended || this.client !== client) return;
      ended = true;
      void this.serverEnded(launch);
    };
    const client = new QuietClient(SECTION, "trainlint", () => this.spawn(launch), this.clientOptions(onEnd));
    this.client = client;
    try {
      await client.start();
    } catch (error) {
      this.log.info(`the server did not start: ${String(error)}`);
      onEnd();
      return;
    }
    if (this.client === client && client.isRunning()) this.showRunning(client, launch);
  }

  private showRunning(client: LanguageClient, launch: Launch): void {
    const version = client.initializeResult?.serverInfo?.version ?? "";
    this.log.info(`trainlint ${version} runs`);
    if (vscode.workspace.isTrusted) this.status.running(version, launch.summary, launch.fallback);
    else this.status.restricted(version);
  }

  private clientOptions(onEnd: () => void): LanguageClientOptions {
    return {
      documentSelector: SELECTOR.map((filter) => ({ ...filter })),
      outputChannel: this.serverLog,
      traceOutputChannel: this.traceLog,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      diagnosticCollectionName: SECTION,
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => {
          onEnd();
          return { action: CloseAction.DoNotRestart, handled: true };
        },
      },
      // `spawn` reads the server's log from the start; its standard output carries the protocol.
      stdioOptions: { stdout: () => undefined, stderr: () => undefined },
      middleware: this.middleware(),
    };
  }

  private middleware(): Middleware {
    return {
      provideCodeActions: async (document, range, context, token, next) => {
        const actions = await next(document, range, context, token);
        return actions && this.actionHandler(actions, range);
      },
      // A command is whole as it is; only edits are made when they are chosen.
      resolveCodeAction: (action, token, next) => (action.command === undefined ? next(action, token) : action),
      workspace: {
        configuration: async (params, token, next) => {
          const sections = await next(params, token);
          return Array.isArray(sections) ? sections.map(forServer) : sections;
        },
      },
      executeCommand: (command, args, next) =>
        this.commandHandler(command, args as readonly unknown[]) ?? next(command, args),
    };
  }

  private spawn(launch: Launch): Promise<ChildProcess> {
    this.lastLines = [];
    const child = spawn(launch.command, [...launch.args, "server"], {
      cwd: this.context.extensionPath,
      stdio: "pipe",
      windowsHide: true,
    });
    readline.createInterface({ input: child.stderr, crlfDelay: Infinity, terminal: false }).on("line", (line) => {
      this.serverLog.info(line);
      if (line.trim()) this.lastLines = [...this.lastLines.slice(-19), line.trim()];
    });
    return new Promise((resolve, reject) => {
      child.once("spawn", () => {
        this.child = child;
        resolve(child);
      });
      child.once("error", reject);
    });
  }

  private async serverEnded(launch: Launch): Promise<void> {
    this.client = undefined;
    if (this.child !== undefined) await allRead(this.child, 1_000);
    if (this.crashes.mayRestart(Date.now())) {
      this.requestRestart("the server ended by itself");
      return;
    }
    const lastWords = this.lastLines.at(-1);
    this.log.error(`the server ended again and again; command: ${commandLine(launch)}`);
    this.lastLines.forEach((line) => this.log.error(`  ${line}`));
    this.giveUp(
      `trainlint's server ends again and again. ${lastWords ? `Its last line: ${lastWords}` : "It wrote nothing"} (the log has its command and all it wrote).`,
      [
        ["Show Log", () => vscode.commands.executeCommand("trainlint.showLog")],
        ["Restart Server", () => vscode.commands.executeCommand("trainlint.restart")],
      ],
    );
  }

  private giveUp(reason: string, choices: readonly (readonly [string, () => Thenable<unknown>])[]): void {
    this.launch = undefined;
    this.log.error(reason);
    this.status.failed(reason);
    void vscode.window.showErrorMessage(reason, ...choices.map(([title]) => title)).then((chosen) => {
      void choices.find(([title]) => title === chosen)?.[1]();
    });
  }
}

/** Until everything that the process wrote has been read, or the time is over. */
function allRead(child: ChildProcess, milliseconds: number): Promise<void> {
  if (child.stderr?.readableEnded === true) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    child.stderr?.once("end", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** The language client does not end a process that it did not start itself. */
function endAfter(child: ChildProcess, milliseconds: number): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const timer = setTimeout(() => child.kill("SIGKILL"), milliseconds);
  child.once("exit", () => clearTimeout(timer));
}

function commandLine(launch: Launch): string {
  return [launch.command, ...launch.args, "server"].map((part) => (/\s/.test(part) ? `"${part}"` : part)).join(" ");
}
