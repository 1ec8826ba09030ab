// The user probes a training script from the palette: consent, progress, the report; then cancels another.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";

import { until } from "./editor.mjs";
import { folderWith, HALF, home, python, scenario } from "./scenario.mjs";

const SLOW = `import time
import torch
torch.zeros(1)
time.sleep(600)
`;

const folder = folderWith("workspace", { "half.py": HALF, "slow.py": SLOW });
const settings = { "trainlint.probe.interpreter": python };

/** Processes of a probe of this scenario. */
function runs() {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).filter((pid) => {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      return environment.includes("TRAINLINT_PROBE=1") && environment.includes(`TRAINLINT_TEST_HOME=${home}`);
    } catch {
      return false;
    }
  });
}

scenario("probe", folder, { settings, environment: { TRAINLINT_TEST_HOME: home } }, async (step) => {
  await step("the first probe asks, and says what the sandbox holds", async (editor) => {
    await editor.openFile("half.py");
    await editor.command("trainlint: Probe One Training Step");
    const dialog = editor.page.locator(".monaco-dialog-box");
    await dialog.waitFor();
    const text = await dialog.innerText();
    assert.match(text, /Run half\.py until its first training steps are done\?/);
    assert.ok(text.includes(python), text);
    assert.match(text, /scratch copy/);
  });

  await step("the report tells what learns and what does not", async (editor) => {
    await editor.page.locator(".monaco-dialog-box .monaco-button", { hasText: "Probe" }).click();
    const report = editor.report();
    await report.locator(".verdict", { hasText: "Partly learning" }).waitFor();
    const text = await report.locator("body").innerText();
    assert.match(text, /No gradient\s+2/);
    assert.match(text, /net\.body\.weight/);
    assert.match(text, /Learned\s+2/);
    assert.ok(!readdirSync(folder).includes("net.pt"), "the script wrote into the folder");
  });

  await step("what the run showed is underlined and listed, and bears out what was said before it", async (editor) => {
    await until(async () => (await editor.squiggles()).join() === "warning", "the squiggle of the run");
    const rows = await editor.problems();
    await rows.filter({ hasText: "confirmed by a run" }).filter({ hasText: "TRN204" }).waitFor();
  });

  await step("a place in the report opens in the editor", async (editor) => {
    const link = editor.report().locator(".findings a").first();
    const line = Number((await link.innerText()).replace("line ", ""));
    await link.click();
    await editor.page.locator(".statusbar-item", { hasText: `Ln ${line}, Col 1` }).waitFor();
  });

  await step("an edit makes the report say that it is older", async (editor) => {
    await editor.page.keyboard.press("End");
    await editor.page.keyboard.type("  # edited");
    await editor.report().locator(".note", { hasText: "edited after this run" }).waitFor();
    const shown = (await editor.problems()).filter({ hasText: "confirmed by a run" });
    await until(async () => (await shown.count()) === 0, "what the run showed of that line goes");
  });

  await step("a probe shows how far it is", async (editor) => {
    await editor.openFile("slow.py");
    await editor.command("trainlint: Probe One Training Step");
    await editor.page.locator(".notifications-toasts .notification-list-item-message", { hasText: /Probing slow\.py: .*torch/ }).waitFor();
    assert.ok(runs().length > 0, "nothing runs");
  });

  await step("cancel ends it and every process of it", async (editor) => {
    await editor.page.locator(".notifications-toasts .monaco-button", { hasText: "Cancel" }).click();
    await until(async () => (await editor.toasts()).length === 0, "the notification goes");
    await until(() => runs().length === 0, "no process of the probe is left", () => runs().join());
    assert.deepEqual(await editor.toasts(), []);
  });
});
