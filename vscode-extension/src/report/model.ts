/** Version 1 of the object that `trainlint probe --output-format json` prints and the server's command answers. */
export interface ProbeReport {
  readonly version: number;
  readonly verdict: Verdict;
  /** How far the script came: `start`, `torch`, `optimizer`, `forward`, `backward` or `step`. */
  readonly reached: string;
  /** Completed optimizer steps. */
  readonly steps: number;
  /** The limit that ended the run, if one did. */
  readonly limit: string | null;
  readonly sandbox: { readonly level: string; readonly reason: string; readonly network: boolean } | null;
  readonly parameters: readonly Parameter[];
  readonly buffers: readonly { readonly name: string; readonly changed: boolean }[];
  readonly loss: Loss | null;
  readonly findings: readonly Finding[];
  readonly stopped_by: string;
}

/** The losses that were differentiated, and by how much each observed step changes them to first order. */
export interface Loss {
  readonly values: readonly (number | null)[];
  readonly first_order_change: readonly (number | null)[];
}

export type Verdict = "learning" | "partly" | "not-learning" | "unreached" | "failed";

export interface Parameter {
  readonly name: string;
  readonly model: string | null;
  readonly shape: readonly number[];
  readonly optimizers: readonly string[];
  readonly status: string;
  /** Share of its elements that the status speaks of, 0 to 1. */
  readonly fraction: number;
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
