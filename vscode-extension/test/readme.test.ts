import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const { contributes, capabilities } = JSON.parse(readFileSync("package.json", "utf8")) as {
  contributes: {
    commands: { category: string; title: string }[];
    configuration: { properties: Record<string, { scope: string }> }[];
  };
  capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } };
};
const readme = readFileSync("README.md", "utf8");
const settings = Object.assign({}, ...contributes.configuration.map((group) => group.properties)) as Record<string, { scope: string }>;

test("the README lists every command and setting, and no other", () => {
  const listed = [...readme.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]);
  const commands = contributes.commands.map((command) => `${command.category}: ${command.title}`);
  assert.deepEqual(listed.sort(), [...commands, ...Object.keys(settings)].sort());
});

test("what names a program or its arguments is restricted to trusted workspaces", () => {
  const restricted = new Set(capabilities.untrustedWorkspaces.restrictedConfigurations);
  for (const name of Object.keys(settings).filter((name) => /path|interpreter|arguments|directory|strategy|network/i.test(name))) {
    assert.ok(restricted.has(name), name);
  }
  for (const name of restricted) assert.ok(name in settings, name);
});
