import type { Verdict } from "./model";

export type Mood = "good" | "bad" | "neutral";

interface Words {
  readonly title: string;
  readonly mood: Mood;
  readonly means: string;
}

export const VERDICTS: Readonly<Record<Verdict, Words>> = {
  learning: { title: "Learning", mood: "good", means: "Every parameter that an optimizer holds learned from its gradient." },
  partly: { title: "Partly learning", mood: "bad", means: "Some parameters learned, others did not." },
  "not-learning": { title: "Not learning", mood: "bad", means: "No parameter learned from its gradient." },
  unreached: { title: "Not reached", mood: "neutral", means: "The run ended before an optimizer had completed its steps, so nothing is said about learning." },
  failed: { title: "Failed", mood: "bad", means: "The run could not be completed." },
};

/** Statuses in the order in which they are shown: what needs a look first. */
export const STATUSES: ReadonlyMap<string, Words> = new Map([
  ["non-finite", { title: "Not finite", mood: "bad", means: "The weight or its gradient holds NaN or infinity. Lower the learning rate, or find the operation that overflows." }],
  ["in-no-optimizer", { title: "In no optimizer", mood: "bad", means: "It is used and would train, but no optimizer holds it. Pass it to the optimizer, or freeze it on purpose with requires_grad_(False)." }],
  ["no-gradient", { title: "No gradient", mood: "bad", means: "The loss does not reach it: the graph was cut on the way. Look for .detach(), .item(), .data or no_grad between it and the loss." }],
  ["unused-in-forward", { title: "Unused in forward", mood: "bad", means: "The forward pass never touched it. Use it, or remove it." }],
  ["zero-gradient", { title: "Zero gradient", mood: "bad", means: "A gradient arrived and was zero everywhere: dead or saturated activations, a loss that does not depend on it, or a mask." }],
  ["not-stepped", { title: "Not stepped", mood: "bad", means: "It has a gradient and an optimizer, but that optimizer's step() was not called." }],
  ["step-skipped", { title: "Step skipped", mood: "bad", means: "The gradient scaler left the step out because gradients were not finite. It halves its scale and tries again; watch whether that ends." }],
  ["rounded-away", { title: "Rounded away", mood: "bad", means: "The update is too small for the weight's number format, so the weight stays. Keep master weights in float32, or raise the learning rate." }],
  ["clipped-away", { title: "Clipped away", mood: "bad", means: "Gradient clipping left next to nothing of the gradient. Raise the maximal norm." }],
  ["rate-zero", { title: "Learning rate zero", mood: "bad", means: "Its parameter group has a learning rate of zero at these steps. A warm-up may start so; otherwise set lr." }],
  ["decay-only", { title: "Weight decay only", mood: "bad", means: "It moved, but only by weight decay: the same happens with a zero gradient." }],
  ["momentum-only", { title: "Momentum only", mood: "bad", means: "It moved, but only by momentum of earlier steps; its gradient had no part in it." }],
  ["frozen-but-changed", { title: "Frozen but changed", mood: "bad", means: "requires_grad is False, yet the weight moved. Something writes to it outside of backward and step." }],
  ["moved-by-something-else", { title: "Moved by something else", mood: "bad", means: "It changed outside of every optimizer step." }],
  ["learned", { title: "Learned", mood: "good", means: "It moved differently than it would have with a zero gradient." }],
  ["frozen", { title: "Frozen", mood: "neutral", means: "requires_grad is False and it did not move." }],
]);

/** Words for a status that a newer server may send and that is not known here: its own name. */
export function statusWords(status: string): Words {
  const title = status.replaceAll("-", " ");
  return STATUSES.get(status) ?? { title: title.charAt(0).toUpperCase() + title.slice(1), mood: "neutral", means: "" };
}
