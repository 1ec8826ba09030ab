// Bundles the extension into one file; `vscode` is what the editor provides.
import { build } from "esbuild";

await build({
  entryPoints: ["src/extension.ts"],
  outfile: "dist/extension.js",
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  external: ["vscode"],
  mainFields: ["module", "main"],
  minify: true,
  sourcemap: false,
  logLevel: "warning",
});
