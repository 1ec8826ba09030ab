// What every scenario begins with: a folder with files, an editor with the built extension, and screenshots of each step.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { openEditor } from "./editor.mjs";

export const home = process.env.TRAINLINT_HOME;
/** A Python that has torch. */
export const python = process.env.TRAINLINT_PYTHON;

/** A training loop that never clears its gradients. */
export const TRAIN = `import torch
from torch import nn

model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs, targets = torch.randn(64, 4), torch.randn(64, 1)

for epoch in range(10):
    loss = nn.functional.mse_loss(model(inputs), targets)
    loss.backward()
    optimizer.step()
    print(epoch, loss.item())
`;

/** A training script whose output layer learns while the layer before it is cut off from the loss. */
export const HALF = `import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 8)
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        return self.head(self.body(x).relu().detach())

net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
inputs, targets = torch.randn(64, 4), torch.randn(64, 1)

for epoch in range(10):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(net(inputs), targets)
    loss.backward()
    optimizer.step()
    torch.save(net.state_dict(), "net.pt")
`;

/** Writes `files` (their text by relative path, or `{text, mode}` for a program) and answers the folder. */
export function folderWith(name, files) {
  const folder = path.join(home, name);
  for (const [file, content] of Object.entries(files)) {
    const { text, mode } = typeof content === "string" ? { text: content, mode: 0o644 } : content;
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), text, { mode });
  }
  return folder;
}

/**
 * A user's session with an editor on `folder`. `body` gets `step(name, action)`: a part that is named in the output and whose
 * end is kept as a picture. Parts build on each other, so the first that fails ends the session.
 */
export function scenario(name, folder, options, body) {
  const screenshots = fileURLToPath(new URL(`screenshots/${name}/`, import.meta.url));
  rmSync(screenshots, { recursive: true, force: true });
  test(name, async (session) => {
    const editor = await openEditor({
      editor: process.env.TRAINLINT_EDITOR,
      home: path.join(home, "editor"),
      extensions: [process.env.TRAINLINT_VSIX],
      ...options,
    });
    let count = 0;
    const step = async (part, action) => {
      let failure;
      await session.test(part, async () => {
        const file = `${String(++count).padStart(2, "0")} ${part}.png`;
        try {
          await action(editor);
        } catch (error) {
          failure = error;
          throw error;
        } finally {
          await editor.shot(path.join(screenshots, file));
        }
      });
      if (failure) throw new Error(`"${part}" failed; what follows builds on it`);
    };
    try {
      await editor.openFolder(folder);
      await body(step, editor);
    } finally {
      await editor.close();
    }
  });
}
