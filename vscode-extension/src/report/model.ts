/** The object that `trainlint probe --output-format json` prints and the server's command `trainlint.probe` answers. */
export interface ProbeReport {
  readonly version: string | number;
  readonly verdict: Verdict;
  readonly reached: unknown;
  readonly steps: unknown;
  readonly limit: unknown;
  readonly sandbox: unknown;
  readonly parameters: readonly Parameter[];
  readonly buffers: unknown;
  readonly loss: unknown;
  readonly findings: readonly Finding[];
  readonly stopped_by: unknown;
}

export type Verdict = "learning" | "partly" | "not-learning" | "unreached" | "failed";

export interface Parameter {
  readonly name: string;
  readonly model: string | null;
  readonly shape: readonly number[];
  readonly optimizers: readonly string[];
  readonly status: string;
  /** Part of its elements that the status holds for, 0 to 1. */
  readonly fraction: number | null;
  readonly grad_norm: number | null;
  readonly update_norm: number | null;
  readonly weight_norm: number | null;
}

export interface Finding {
  readonly code: string;
  readonly name: string;
  readonly message: string;
  readonly path: string;
  readonly range: { readonly start: Place; readonly end: Place };
}

/** 1-based, as everywhere in trainlint's JSON. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export function isProbeReport(value: unknown): value is ProbeReport {
  const report = value as Partial<ProbeReport> | null;
  return typeof report === "object" && typeof report?.verdict === "string" && Array.isArray(report.parameters);
}
