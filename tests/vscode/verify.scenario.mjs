// The user tries a fix before it is applied: what learns with and without it is shown, and the text changes only on consent.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";

import { until } from "./editor.mjs";
import { folderWith, python, scenario } from "./scenario.mjs";

/** The step stands before the backward, and the clear throws its gradients away: nothing learns. */
const EARLY = `import torch
from torch import nn

model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs, targets = torch.randn(64, 4), torch.randn(64, 1)

for epoch in range(10):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(inputs), targets)
    optimizer.step()
    loss.backward()
`;

const folder = folderWith("workspace", { "early.py": EARLY });

scenario("verify", folder, { settings: { "trainlint.probe.interpreter": python } }, async (step) => {
  const dialog = (editor) => editor.page.locator(".monaco-dialog-box");

  await step("trying a fix asks before it runs anything", async (editor) => {
    await editor.openFile("early.py");
    await until(async () => (await editor.squiggles()).length === 1, "the step is underlined", editor.output);
    await editor.cursorAtEnd("optimizer.step()");
    await editor.command("trainlint: Apply Fix and Verify With a Probe Step");
    await dialog(editor).waitFor();
    assert.match(await dialog(editor).innerText(), /Run early\.py until its first training steps are done\?/);
  });

  await step("the difference is shown and nothing is changed yet", async (editor) => {
    await editor.page.locator(".monaco-dialog-box .monaco-button", { hasText: "Probe" }).click();
    await editor.page.locator(".monaco-dialog-box", { hasText: "With the fix more weights learn" }).waitFor({ timeout: 90_000 });
    const text = await dialog(editor).innerText();
    assert.match(text, /model\.weight\s+.* -> learned/);
    assert.equal(await editor.text(), EARLY.trimEnd() + "\n");
  });

  await step("apply changes the text, and leaves the file to the user", async (editor) => {
    await editor.page.locator(".monaco-dialog-box .monaco-button", { hasText: "Apply" }).click();
    await until(async () => /loss\.backward\(\)\n\s+optimizer\.step\(\)/.test(await editor.text()), "the step is moved");
    await until(async () => (await editor.squiggles()).length === 0, "nothing is underlined");
    assert.equal(readFileSync(path.join(folder, "early.py"), "utf8"), EARLY);
  });
});
