// Builds static/wallet/ from src/: `node build.mjs`, or into another folder: `node build.mjs FOLDER`. The same source gives the same bytes.
// With a second word it builds that one file instead, as a module for node: `node build.mjs FOLDER test/answers.ts`.
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const [folder = join(here, "../static/wallet"), entry] = process.argv.slice(2);
const pages = ["wallet", "prove", "worker", "offline", "scan"].map((name) => `src/${name}.ts`);

await build({
  absWorkingDir: here,
  entryPoints: entry ? [entry] : pages,
  outdir: resolve(folder),
  bundle: true,
  charset: "utf8",
  format: "esm",
  legalComments: "eof",
  logLevel: "warning",
  minify: !entry,
  platform: entry ? "node" : "browser",
  target: ["es2022"],
  ...(entry && { outExtension: { ".js": ".mjs" } }),
});
