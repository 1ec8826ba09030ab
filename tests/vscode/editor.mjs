// A real VS Code in a headless browser, driven as a user would: by keys, the palette, and what is on the screen.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import path from "node:path";

const require = createRequire(new URL("../../vscode-extension/package.json", import.meta.url));
const { chromium } = require("playwright-core");

const PATIENCE = 60_000;

/**
 * Starts the editor with the extensions installed. `settings` are those of the machine, where an editor with a remote side
 * reads what names a program; `trust` keeps workspace trust on.
 */
export async function openEditor({ editor, home, extensions, settings = {}, trust = false, environment = {} }) {
  for (const [scope, values] of [["User", quiet], ["Machine", settings]]) {
    mkdirSync(path.join(home, "data", scope), { recursive: true });
    writeFileSync(path.join(home, "data", scope, "settings.json"), JSON.stringify(values));
  }
  const entry = path.join(editor, "out", "node", "entry.js");
  const places = ["--user-data-dir", path.join(home, "data"), "--extensions-dir", path.join(home, "extensions")];
  const env = { ...process.env, ...environment, XDG_CONFIG_HOME: path.join(home, "config"), XDG_DATA_HOME: path.join(home, "share") };
  for (const extension of extensions) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [entry, ...places, "--install-extension", extension], { env, encoding: "utf8" });
    if (status !== 0) throw new Error(`${extension} is not installed:\n${stdout}\n${stderr}`);
  }
  const port = await freePort();
  const server = spawn(
    process.execPath,
    [entry, ...places, "--auth", "none", "--bind-addr", `127.0.0.1:${port}`, "--disable-telemetry", "--disable-update-check",
      "--disable-getting-started-override", ...(trust ? [] : ["--disable-workspace-trust"])],
    { env, stdio: ["ignore", "pipe", "pipe"], detached: true },
  );
  let output = "";
  for (const stream of [server.stdout, server.stderr]) stream.on("data", (chunk) => (output += chunk));
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  const close = async () => {
    await browser.close();
    process.kill(-server.pid, "SIGTERM");
  };
  try {
    const base = `http://127.0.0.1:${port}/`;
    await until(async () => (await fetch(base).catch(() => undefined))?.ok, "the editor's server answers", () => output);
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 });
    page.setDefaultTimeout(PATIENCE);
    return new Editor(page, base, close, () => output);
  } catch (error) {
    await close();
    throw error;
  }
}

// Nothing that would cover the page or move by itself.
const quiet = {
  "telemetry.telemetryLevel": "off",
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "workbench.colorTheme": "Default Dark Modern",
  "window.commandCenter": false,
  "chat.commandCenter.enabled": false,
  "extensions.ignoreRecommendations": true,
  "extensions.autoUpdate": false,
  "extensions.autoCheckUpdates": false,
  "git.enabled": false,
  "editor.minimap.enabled": false,
  "editor.quickSuggestions": { other: "off", comments: "off", strings: "off" },
  "editor.suggestOnTriggerCharacters": false,
  "editor.parameterHints.enabled": false,
  "editor.autoClosingBrackets": "never",
  "editor.cursorBlinking": "solid",
  "terminal.integrated.gpuAcceleration": "off",
  "editor.stickyScroll.enabled": false,
  "files.autoSave": "off",
  "security.workspace.trust.untrustedFiles": "open",
};

class Editor {
  constructor(page, base, close, output) {
    Object.assign(this, { page, base, close, output });
  }

  async openFolder(folder) {
    await this.page.goto(`${this.base}?folder=${encodeURIComponent(folder)}`);
    await this.page.locator(".monaco-workbench .part.statusbar").waitFor();
  }

  /** Opens a file of the folder from the explorer and waits until its text is on the screen. */
  async openFile(name) {
    await this.page.locator(".explorer-folders-view .monaco-list-row", { hasText: name }).first().dblclick();
    await this.page.locator(`.tab.active[data-resource-name="${name}"]`).waitFor();
    await this.page.locator(".editor-instance .view-line").first().waitFor();
  }

  /** Runs a command by its title in the palette. */
  async command(title) {
    await this.page.keyboard.press("F1");
    await this.#fill(`>${title}`);
    const row = this.page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first();
    await row.waitFor();
    await row.click();
    await this.page.locator(".quick-input-widget").waitFor({ state: "hidden" });
  }

  /** Text squiggles on the screen: their kinds, such as `["warning"]`. */
  squiggles() {
    return this.page.evaluate(() =>
      [...document.querySelectorAll(".monaco-editor .view-overlays [class*=squiggly-]")].map(
        (element) => /squiggly-(\w+)/.exec(element.className)[1],
      ),
    );
  }

  /** Rows of the Problems panel as the user reads them, its place open. */
  async problems() {
    await this.command("Problems: Focus on Problems View");
    return this.page.locator(".markers-panel .monaco-list-row");
  }

  /** Puts the cursor at the end of the line that holds `text`. */
  async cursorAtEnd(text) {
    await this.page.locator(".editor-instance .view-line", { hasText: text }).first().click();
    await this.page.keyboard.press("End");
  }

  /**
   * The menu of what can be done about the line that holds `text`, open, with `title` in it. Asked for until it is there: the
   * editor drops a request during which the findings of the line change.
   */
  async codeActions(text, title) {
    const rows = this.page.locator(".action-widget .monaco-list-row.action");
    await until(async () => {
      await this.page.keyboard.press("Escape");
      await this.cursorAtEnd(text);
      await this.page.keyboard.press("Control+.");
      await rows.filter({ hasText: title }).first().waitFor({ timeout: 5_000 });
      return true;
    }, `"${title}" is offered`);
    return rows;
  }

  /** Notes every state of the squiggles from now on; answers a function that gives them so far, one text for each change. */
  async watchSquiggles() {
    await this.page.evaluate(() => {
      const overlays = document.querySelector(".editor-instance .view-overlays");
      const kinds = () =>
        [...overlays.querySelectorAll("[class*=squiggly-]")].map((element) => /squiggly-(\w+)/.exec(element.className)[1]).join(" ");
      window.squiggleStates = [kinds()];
      new MutationObserver(() => {
        if (kinds() !== window.squiggleStates.at(-1)) window.squiggleStates.push(kinds());
      }).observe(overlays, { subtree: true, childList: true, attributes: true });
    });
    return () => this.page.evaluate(() => window.squiggleStates);
  }

  /** Waits until the server has answered for the text that is on the screen: longer than it ever holds an answer back. */
  async quiet() {
    await this.page.waitForTimeout(1_500);
  }

  /** The text of the active document, from the clipboard-free source that is on the screen. */
  async text() {
    const lines = await this.page.evaluate(() =>
      [...document.querySelectorAll(".editor-instance .view-line")]
        .map((line) => ({ top: parseFloat(line.style.top), text: line.textContent }))
        .sort((a, b) => a.top - b.top)
        .map((line) => line.text),
    );
    return lines.join("\n").replaceAll("\u00a0", " ");
  }

  /** Notifications on the screen, as text. */
  toasts() {
    return this.page.locator(".notifications-toasts .notification-list-item-message").allInnerTexts();
  }

  /** The page inside the report's panel. */
  report() {
    return this.page.frameLocator("iframe.webview").frameLocator("iframe#active-frame");
  }

  /** What the terminal shows. */
  async terminal() {
    const rows = await this.page.locator(".terminal-wrapper.active .xterm-rows > div").allInnerTexts();
    return rows.join("\n").replaceAll("\u00a0", " ");
  }

  async dismissToasts() {
    await this.command("Notifications: Clear All Notifications");
    await this.page.locator(".notifications-toasts .notification-list-item-message").waitFor({ state: "hidden" });
  }

  async shot(file) {
    mkdirSync(path.dirname(file), { recursive: true });
    await this.page.screenshot({ path: file, animations: "disabled" });
  }

  async #fill(text) {
    const input = this.page.locator(".quick-input-widget input.input");
    await input.waitFor();
    await input.fill(text);
  }
}

/** Waits until `condition` is true, asking again and again; says `what` was waited for when it never is. */
export async function until(condition, what, context = () => "", patience = PATIENCE) {
  const end = Date.now() + patience;
  let last;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited in vain until ${what}; last: ${String(last)}\n${context()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
