import * as vscode from "vscode";

import type { Candidate } from "./interpreter";

/** The part of the Python Environments extension that is used here. */
interface EnvironmentsApi {
  getEnvironment(scope: vscode.Uri | undefined): Promise<{ execInfo: { run: { executable: string } } } | undefined>;
  onDidChangeEnvironment: vscode.Event<unknown>;
}

/** The part of the Python extension that is used here. */
interface PythonApi {
  readonly ready?: Promise<void>;
  readonly environments: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { readonly path: string };
    resolveEnvironment(
      environment: { readonly path: string },
    ): Promise<{ readonly executable: { readonly uri: vscode.Uri | undefined } } | undefined>;
    readonly onDidChangeActiveEnvironmentPath: vscode.Event<unknown>;
  };
}

const ENVIRONMENTS = "ms-python.vscode-python-envs";
const PYTHON = "ms-python.python";

/** The interpreter that the user selected, asked of whichever Python extension is there. */
export class PythonExtensions implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions = new Map<string, vscode.Disposable>();
  private readonly arrivals: vscode.Disposable;

  /** Fires when the selection may have changed; both extensions report, often more than once. */
  readonly onDidChange = this.changed.event;

  constructor(private readonly note: (line: string) => void) {
    this.arrivals = vscode.extensions.onDidChange(() => this.changed.fire());
  }

  async selected(resource: vscode.Uri | undefined): Promise<Candidate | undefined> {
    return (await this.fromEnvironments(resource)) ?? (await this.fromPython(resource));
  }

  dispose(): void {
    this.arrivals.dispose();
    this.subscriptions.forEach((subscription) => subscription.dispose());
    this.changed.dispose();
  }

  private async fromEnvironments(resource: vscode.Uri | undefined): Promise<Candidate | undefined> {
    const api = await this.activate<EnvironmentsApi>(ENVIRONMENTS);
    if (typeof api?.getEnvironment !== "function") return undefined;
    this.subscribe(ENVIRONMENTS, api.onDidChangeEnvironment);
    try {
      const environment = await api.getEnvironment(resource);
      const executable = environment?.execInfo.run.executable;
      return executable ? { path: executable, origin: "the Python Environments extension" } : undefined;
    } catch (error) {
      this.note(`the Python Environments extension gives no interpreter: ${String(error)}`);
      return undefined;
    }
  }

  private async fromPython(resource: vscode.Uri | undefined): Promise<Candidate | undefined> {
    const api = await this.activate<PythonApi>(PYTHON);
    if (api?.environments === undefined) return undefined;
    try {
      await api.ready;
      this.subscribe(PYTHON, api.environments.onDidChangeActiveEnvironmentPath);
      const resolved = await api.environments.resolveEnvironment(api.environments.getActiveEnvironmentPath(resource));
      const executable = resolved?.executable.uri?.fsPath;
      return executable ? { path: executable, origin: "the Python extension" } : undefined;
    } catch (error) {
      this.note(`the Python extension gives no interpreter: ${String(error)}`);
      return undefined;
    }
  }

  private async activate<T>(id: string): Promise<T | undefined> {
    const extension = vscode.extensions.getExtension<T | undefined>(id);
    if (extension === undefined) return undefined;
    try {
      return await extension.activate();
    } catch (error) {
      this.note(`${id} does not start: ${String(error)}`);
      return undefined;
    }
  }

  private subscribe(id: string, event: vscode.Event<unknown> | undefined): void {
    if (event === undefined || this.subscriptions.has(id)) return;
    this.subscriptions.set(
      id,
      event(() => this.changed.fire()),
    );
  }
}
