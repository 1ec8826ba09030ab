import { type Finding, type Parameter, type ProbeReport } from "./model";
import { type Mood, STATUSES, statusWords, VERDICTS } from "./words";

/** What surrounds the report on its page. */
export interface Frame {
  /** The file that ran, as the user knows it. */
  readonly title: string;
  readonly styleSheet: string;
  /** The source of a content security policy that the style sheet comes from. */
  readonly styleSource: string;
  /** The file was edited after the run. */
  readonly outdated: boolean;
  /** An address that opens a place in the editor. */
  link(path: string, line: number): string;
}

/** A complete page without scripts; every text of the report is escaped. */
export function reportPage(report: ProbeReport, frame: Frame): string {
  const verdict = VERDICTS[report.verdict];
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src ${escape(frame.styleSource)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${escape(frame.styleSheet)}">
<title>${escape(frame.title)}</title>
</head>
<body>
${frame.outdated ? `<p class="note" role="status">The file was edited after this run.</p>` : ""}
<header>
<p class="verdict ${verdict?.mood ?? "neutral"}">${escape(verdict?.title ?? report.verdict)}</p>
<h1>${escape(frame.title)}</h1>
<p>${escape(verdict?.means ?? "")} ${escape(summary(report))}</p>
</header>
${findings(report.findings, frame)}
${parameters(report.parameters)}
${facts(report)}
</body>
</html>`;
}

export function escape(text: string): string {
  const names: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (character) => names[character] ?? character);
}

/** How many parameters have which status, such as "2 learned, 1 in no optimizer." */
function summary({ parameters }: ProbeReport): string {
  const counts = statusesOf(parameters).map(([status, members]) => `${members.length} ${words(status)}`);
  return counts.length > 0 ? `${parameters.length} parameters: ${counts.join(", ")}.` : "";
}

/** The statuses that occur with their parameters, what needs a look first. */
function statusesOf(parameters: readonly Parameter[]): [string, Parameter[]][] {
  const statuses = new Set([...STATUSES.keys(), ...parameters.map((parameter) => parameter.status)]);
  return [...statuses]
    .map((status): [string, Parameter[]] => [status, parameters.filter((parameter) => parameter.status === status)])
    .filter(([, members]) => members.length > 0);
}

function findings(found: readonly Finding[], frame: Frame): string {
  if (found.length === 0) return "";
  const items = found.map((finding) => {
    const { line } = finding.range.start;
    return `<li><a href="${escape(frame.link(finding.path, line))}">line ${line}</a> <code>${escape(finding.code)}</code> ${withCode(finding.message)}</li>`;
  });
  return `<section><h2>What to look at</h2><ul class="findings">${items.join("")}</ul></section>`;
}

function parameters(all: readonly Parameter[]): string {
  if (all.length === 0) return "";
  const strongest = Math.max(...all.map((parameter) => parameter.grad_norm ?? 0), 0);
  const groups = statusesOf(all).map(([status, members]) => group(status, members, strongest));
  return `<section><h2>Parameters</h2>${groups.join("\n")}</section>`;
}

function group(status: string, members: readonly Parameter[], strongest: number): string {
  const words = statusWords(status);
  const rows = members.map((parameter) => row(parameter, words.mood, strongest));
  const open = words.mood === "bad" || members.length <= 12 ? " open" : "";
  return `<details class="${words.mood}"${open}>
<summary><span class="status">${escape(words.title)}</span> <span class="count">${members.length}</span></summary>
${words.means ? `<p>${escape(words.means)}</p>` : ""}
<div class="scroll"><table>
<thead><tr><th scope="col">Parameter</th><th scope="col">Optimizer</th><th scope="col">Gradient</th><th scope="col">Update/weight</th></tr></thead>
<tbody>${rows.join("")}</tbody>
</table></div>
</details>`;
}

function row(parameter: Parameter, mood: Mood, strongest: number): string {
  const { name, shape, optimizers, fraction, grad_norm: gradient, update_norm: update, weight_norm: weight } = parameter;
  const ratio = update !== null && weight ? update / weight : null;
  const size = shape.join(" × ") || "scalar";
  const share = fraction < 1 ? `, ${percent(fraction)} of it` : "";
  return (
    `<tr><th scope="row"><code>${escape(name)}</code> <span class="size">${escape(size + share)}</span></th>` +
    `<td>${optimizers.length ? optimizers.map((optimizer) => `<code>${escape(optimizer)}</code>`).join(", ") : "none"}</td>` +
    `<td>${bar(gradient, strongest, mood)}${number(gradient)}</td><td>${number(ratio)}</td></tr>`
  );
}

const BAR = { width: 40, height: 8, decades: 6 };

/** A bar on a logarithmic scale of six decades below the strongest gradient of the run. */
function bar(value: number | null, strongest: number, mood: Mood): string {
  if (!value) return "";
  const length = Math.max(0, 1 + Math.log10(value / strongest) / BAR.decades) * BAR.width;
  return `<svg class="${mood}" width="${BAR.width}" height="${BAR.height}" aria-hidden="true"><rect width="${Math.max(1, length).toFixed(1)}" height="${BAR.height}" rx="2"/></svg>`;
}

const REACHED: Readonly<Record<string, string>> = {
  start: "the start of the script",
  torch: "the import of torch",
  optimizer: "the building of an optimizer",
  forward: "a forward pass",
  backward: "a backward pass",
  step: "an optimizer step",
};

function facts(report: ProbeReport): string {
  const { buffers, limit, loss, sandbox, steps } = report;
  const known: readonly (readonly [string, string])[] = [
    ["Reached", REACHED[report.reached] ?? report.reached],
    ["Steps", steps > 0 ? String(steps) : ""],
    ["Loss", loss ? loss.values.map(number).join(" → ") : ""],
    ["Expected change", loss ? loss.first_order_change.map(number).filter(Boolean).join(", ") : ""],
    ["Ended by", words(report.stopped_by) + (limit ? ` (${words(limit)})` : "")],
    ["Buffers", buffers.length > 0 ? `${buffers.filter((buffer) => buffer.changed).length} of ${buffers.length} changed` : ""],
    ["Sandbox", sandbox ? `${sandbox.level}${sandbox.network ? ", with network" : ", no network"}: ${sandbox.reason}` : "none"],
  ];
  const items = known
    .filter(([, text]) => text !== "")
    .map(([name, text]) => `<dt>${name}</dt><dd>${withCode(text)}</dd>`);
  return `<section><h2>The run</h2><dl>${items.join("")}</dl></section>`;
}

function words(hyphenated: string): string {
  return hyphenated.replaceAll("-", " ");
}

function number(value: number | null): string {
  if (value === null) return "";
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5 ? String(Number(value.toPrecision(3))) : value.toExponential(1);
}

function percent(fraction: number): string {
  const hundredths = fraction * 100;
  return `${hundredths > 0 && hundredths < 1 ? "<1" : Math.floor(hundredths)} %`;
}

/** Text with what stands between backticks set as code. */
function withCode(text: string): string {
  return escape(text).replace(/`([^`]+)`/g, "<code>$1</code>");
}
