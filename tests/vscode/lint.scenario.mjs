// A user opens a training script that never clears its gradients, sees it, mends it, and types on.
import assert from "node:assert/strict";

import { until } from "./editor.mjs";
import { folderWith, scenario, TRAIN } from "./scenario.mjs";

const folder = folderWith("workspace", { "train.py": TRAIN });

scenario("lint", folder, {}, async (step) => {
  await step("the step that applies old gradients is underlined", async (editor) => {
    await editor.openFile("train.py");
    await until(async () => (await editor.squiggles()).join() === "warning", "one warning is underlined", editor.output);
  });

  await step("the Problems panel has it with its related places", async (editor) => {
    const rows = await editor.problems();
    await rows.filter({ hasText: "TRN101" }).waitFor();
    const texts = await rows.allInnerTexts();
    assert.match(texts[1], /optimizer\.step\(\).*\[Ln 11, Col 5\]/s);
    assert.ok(texts.slice(2).some((text) => text.includes("[Ln 8, Col 1]")), texts.join("\n"));
    assert.ok(texts.slice(2).some((text) => text.includes("[Ln 10, Col 5]")), texts.join("\n"));
  });

  await step("the hover says why", async (editor) => {
    await editor.page.locator(".view-line", { hasText: "optimizer.step()" }).locator("span span", { hasText: "step" }).first().hover();
    const hover = editor.page.locator(".monaco-hover:visible", { hasText: "TRN101" });
    await hover.waitFor();
    assert.match(await hover.innerText(), /applies gradients that were already applied/);
  });

  await step("typing half a statement makes nothing else flicker", async (editor) => {
    await editor.cursorAtEnd("model = nn.Linear");
    await editor.page.keyboard.press("Enter");
    const seen = await editor.watchSquiggles();
    await editor.page.keyboard.type("scaler = torch.amp.GradScaler(", { delay: 50 });
    await editor.quiet();
    const counts = await seen();
    assert.deepEqual([...new Set(counts)], ["warning"], `squiggles while typing: ${counts.join(" | ")}`);
  });

  await step("finishing the statement leaves the warning", async (editor) => {
    await editor.page.keyboard.type('"cpu")', { delay: 50 });
    await editor.quiet();
    assert.deepEqual(await editor.squiggles(), ["warning"]);
  });

  await step("the light bulb offers the fix", async (editor) => {
    const bulb = editor.page.locator(".codicon-light-bulb, .codicon-gutter-lightbulb").locator("visible=true").first();
    const first = editor.page.locator(".action-widget .monaco-list-row.focused", { hasText: "optimizer.zero_grad()" });
    await until(async () => {
      await editor.page.keyboard.press("Escape");
      await editor.cursorAtEnd("optimizer.step()");
      await editor.page.keyboard.press("Home");
      await bulb.click({ timeout: 5_000 });
      await first.waitFor({ timeout: 5_000 });
      return true;
    }, "the fix is offered");
  });

  await step("the fix is applied and the warning is gone", async (editor) => {
    await editor.page.keyboard.press("Enter");
    await until(async () => (await editor.text()).includes("optimizer.zero_grad()"), "the call is inserted");
    await until(async () => (await editor.squiggles()).length === 0, "nothing is underlined");
    assert.match(await editor.text(), /optimizer\.zero_grad\(\)\n[\s\S]*loss\.backward\(\)\n\s+optimizer\.step\(\)/);
  });

  await step("undo brings the warning back, and a restart of the server keeps it", async (editor) => {
    await editor.page.locator(".view-line", { hasText: "optimizer.zero_grad()" }).click();
    await editor.page.keyboard.press("Control+z");
    await until(async () => (await editor.squiggles()).join() === "warning", "the warning is back");
    await editor.command("trainlint: Restart Server");
    await until(async () => (await editor.squiggles()).length === 0, "the old server's findings go");
    await until(async () => (await editor.squiggles()).join() === "warning", "the new server finds it again", editor.output);
  });

  await step("the status item names the server and its Python", async (editor) => {
    await editor.page.locator('.statusbar-item[aria-label^="Editor Language Status"]').hover();
    const item = editor.page.locator(".hover-language-status", { hasText: "trainlint" }).first();
    await item.waitFor();
    assert.match(await item.innerText(), /trainlint \d+\.\d+\.\d+/);
    assert.match(await item.innerText(), /bundled, Python 3\.\d+\.\d+/);
  });

  await step("a setting of the folder silences the rule, and lets it speak again", async (editor) => {
    folderWith("workspace", { ".vscode/settings.json": JSON.stringify({ "trainlint.ignore": ["missing-zero-grad"] }) });
    await until(async () => (await editor.squiggles()).length === 0, "nothing is underlined", editor.output);
    folderWith("workspace", { ".vscode/settings.json": "{}" });
    await until(async () => (await editor.squiggles()).join() === "warning", "the warning is back", editor.output);
    assert.deepEqual(await editor.toasts(), []);
  });
});
