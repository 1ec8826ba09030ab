// The user watches a run: the script itself runs, in a terminal, and trainlint reports there on its first steps.
import { statSync } from "node:fs";
import path from "node:path";

import { until } from "./editor.mjs";
import { folderWith, HALF, python, scenario } from "./scenario.mjs";

const folder = folderWith("workspace", { "half.py": HALF });

scenario("watch", folder, { settings: { "trainlint.probe.interpreter": python } }, async (step) => {
  await step("the report is in the terminal, and the script has done its work", async (editor) => {
    await editor.openFile("half.py");
    await editor.command("trainlint: Watch This Run");
    await until(async () => /2 steps, 2 backward passes/.test(await editor.terminal()), "the report ends", editor.output);
    await until(() => statSync(path.join(folder, "net.pt"), { throwIfNoEntry: false }), "the script wrote its file");
  });

  await step("a Python that cannot run the script is named, with what to do", async (editor) => {
    folderWith("workspace", { ".vscode/settings.json": JSON.stringify({ "trainlint.probe.interpreter": "${workspaceFolder}/nothing" }) });
    await until(async () => {
      await editor.dismissToasts();
      await editor.command("trainlint: Watch This Run");
      return (await editor.toasts()).join().includes("nothing is not a Python 3.8 or newer. Set `trainlint.probe.interpreter`");
    }, "the setting is read", editor.output);
  });
});
