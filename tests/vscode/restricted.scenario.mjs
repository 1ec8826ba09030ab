// A folder that nobody has vouched for is opened: its text is analysed, and nothing that lies in it is started.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";

import { until } from "./editor.mjs";
import { folderWith, home, python, scenario, TRAIN } from "./scenario.mjs";

const ran = path.join(home, "ran");
const program = { text: `#!/bin/sh\ntouch "${ran}"\nexec "${python}" "$@"\n`, mode: 0o755 };
const folder = folderWith("unknown", {
  "train.py": TRAIN,
  ".venv/bin/python": program,
  "bin/python3": program,
  ".vscode/settings.json": JSON.stringify({ "trainlint.interpreter": "${workspaceFolder}/.venv/bin/python" }),
});
const environment = { PATH: `${path.join(folder, "bin")}${path.delimiter}${process.env.PATH}` };

scenario("restricted", folder, { trust: true, environment }, async (step) => {
  await step("without trust the text is analysed", async (editor) => {
    await editor.page.getByRole("button", { name: "No, I don't trust the authors" }).click();
    await editor.openFile("train.py");
    await until(async () => (await editor.squiggles()).join() === "warning", "one warning is underlined", editor.output);
    assert.ok(!existsSync(ran), "a program of the workspace was started");
  });

  for (const [command, word] of [["Probe One Training Step", "probe"], ["Watch This Run", "watch"]]) {
    await step(`${word} is refused with a sentence`, async (editor) => {
      await editor.dismissToasts();
      await editor.command(`trainlint: ${command}`);
      const refusal = `In restricted mode trainlint reads your code and does not run it. Trust this workspace to ${word} it.`;
      await until(async () => (await editor.toasts()).includes(refusal), "the refusal is shown");
      assert.ok(!existsSync(ran), "a program of the workspace was started");
    });
  }

  await step("with trust the interpreter of the workspace is used", async (editor) => {
    await editor.command("Workspaces: Manage Workspace Trust");
    await editor.page.locator(".workspace-trust-editor .monaco-button", { hasText: "Trust" }).first().click();
    await until(() => existsSync(ran), "the workspace's interpreter is asked");
    await editor.openFile("train.py");
    await until(async () => (await editor.squiggles()).join() === "warning", "the warning is underlined", editor.output);
  });
});
