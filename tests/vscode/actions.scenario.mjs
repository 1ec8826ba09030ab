// What the light bulb offers: a fix that is made when it is chosen, its trial, a comment that silences, and the rule's page.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";

import { until } from "./editor.mjs";
import { folderWith, python, scenario } from "./scenario.mjs";

/** Layers in a plain list, which no optimizer sees. The fix has to import a name. */
const HIDDEN = `import torch
from torch.nn import Linear, Module
from torch.nn.functional import mse_loss

class Net(Module):
    def __init__(self):
        super().__init__()
        self.parts = [Linear(4, 4), Linear(4, 4)]
        self.head = Linear(4, 1)

    def forward(self, x):
        for part in self.parts:
            x = part(x).relu()
        return self.head(x)

net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
inputs, targets = torch.randn(64, 4), torch.randn(64, 1)

for epoch in range(10):
    optimizer.zero_grad()
    mse_loss(net(inputs), targets).backward()
    optimizer.step()
`;
const TRIAL = "Apply fix and verify with a probe step";

const folder = folderWith("workspace", { "hidden.py": HIDDEN });

scenario("actions", folder, { settings: { "trainlint.probe.interpreter": python } }, async (step) => {
  const offer = (editor, title) => editor.codeActions("self.parts = [", title);
  const choose = async (editor, title) => {
    await offer(editor, title);
    const focused = editor.page.locator(".action-widget .monaco-list-row.focused");
    for (let row = 0; !(await focused.innerText()).includes(title); row++) {
      assert.ok(row < 9, `${title} is not offered`);
      await editor.page.keyboard.press("ArrowDown");
    }
    await editor.page.keyboard.press("Enter");
  };
  const unchanged = async (editor) => (await editor.text()).trimEnd() === HIDDEN.trimEnd();

  await step("the light bulb offers the fix, its trial, silence and the page, in this order", async (editor) => {
    await editor.openFile("hidden.py");
    await until(async () => (await editor.squiggles()).length === 1, "the list is underlined", editor.output);
    const rows = await offer(editor, "Explain");
    const titles = (await rows.allInnerTexts()).filter((title) => /ModuleList|probe step|TRN/.test(title));
    assert.match(titles[0], /ModuleList.*\(changes training\)/);
    assert.equal(titles[1], TRIAL);
    assert.match(titles[2], /^Ignore TRN312 .*here$/);
    assert.match(titles[3], /^Explain TRN312/);
    await editor.page.keyboard.press("Escape");
  });

  await step("explain opens the page of the rule", async (editor) => {
    await choose(editor, "Explain TRN312");
    await editor.page.locator('.tab.active[data-resource-name="TRN312.md"]').waitFor();
    assert.match(await editor.text(), /# unregistered-layers \(TRN312\)/);
    await editor.openFile("hidden.py");
  });

  await step("ignore writes the comment that silences the finding", async (editor) => {
    await choose(editor, "Ignore TRN312");
    await until(async () => /Linear\(4, 4\)\]  # trainlint: ignore\[TRN312\]/.test(await editor.text()), "the comment is there");
    await until(async () => (await editor.squiggles()).length === 0, "nothing is underlined");
    await editor.page.keyboard.press("Control+z");
    await until(async () => (await editor.squiggles()).length === 1 && unchanged(editor), "the finding is back");
  });

  await step("the trial makes the edit, runs it and shows the difference; the text stays", async (editor) => {
    await choose(editor, TRIAL);
    const consent = editor.page.locator(".monaco-dialog-box .monaco-button", { hasText: "Probe" });
    await consent.waitFor();
    await consent.click();
    const dialog = editor.page.locator(".monaco-dialog-box", { hasText: "With the fix more weights learn" });
    await dialog.waitFor({ timeout: 90_000 });
    assert.match(await dialog.innerText(), /net\.parts\.0\.weight\s+.*learned/);
    await dialog.locator(".monaco-button", { hasText: "Cancel" }).click();
    await dialog.waitFor({ state: "hidden" });
    assert.ok(await unchanged(editor));
  });

  await step("the fix is made when it is chosen, with the import that it needs", async (editor) => {
    await choose(editor, "ModuleList");
    await until(async () => (await editor.text()).includes("self.parts = ModuleList([Linear(4, 4), Linear(4, 4)])"), "the list is kept");
    await until(async () => (await editor.squiggles()).length === 0, "nothing is underlined");
    assert.ok((await editor.text()).includes("from torch.nn import Linear, Module, ModuleList\n"));
    assert.equal(readFileSync(path.join(folder, "hidden.py"), "utf8"), HIDDEN);
  });
});
