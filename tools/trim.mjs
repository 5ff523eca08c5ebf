// Makes the module that is shipped: without the exports that tools/exports.txt does not name, without what only those
// needed, and optimised for size.
//
//   node tools/trim.mjs <compiled.wasm> <shipped.wasm> [<exports.txt>]

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const tools = dirname(fileURLToPath(import.meta.url));

// Inlining was LLVM's business: a second round made the module 70 kB larger. The other three gained nothing. Without
// the four, this takes 20 s instead of 50.
const OPTIMISE = [
  "-Oz",
  "--skip-pass=inlining-optimizing",
  "--skip-pass=dae-optimizing",
  "--skip-pass=precompute-propagate",
  "--skip-pass=merge-locals",
  // What the compiler says about itself; names are left out anyway.
  "--strip-producers",
  "--strip-target-features",
];

const [compiled, shipped, exports = join(tools, "exports.txt")] = process.argv.slice(2);
if (!shipped) fail("usage: node tools/trim.mjs <compiled.wasm> <shipped.wasm> [<exports.txt>]");

const features = listed(join(tools, "features.txt")).map((name) => `--enable-${name}`);
const wanted = listed(exports);
const missing = wanted.filter((name) => !exportsOf(compiled).includes(name));
if (missing.length) fail(`${compiled} does not export ${missing.join(", ")}`);

// Beside the result, so that moving it there is one step: another build never sees half a module.
const scratch = mkdtempSync(join(dirname(shipped), "trim-"));
try {
  const [graph, reduced, optimised] = ["graph.json", "reduced.wasm", "optimised.wasm"].map((name) => join(scratch, name));
  writeFileSync(graph, JSON.stringify(wanted.map((name) => ({ name, root: true, export: name }))));
  binaryen("wasm-metadce", ["--graph-file", graph, compiled, "-o", reduced]);
  binaryen("wasm-opt", [...OPTIMISE, reduced, "-o", optimised]);
  const left = exportsOf(optimised);
  if ([...left].sort().join() !== [...wanted].sort().join()) fail(`the trimmed module exports ${left.join(", ")}`);
  renameSync(optimised, shipped);
} finally {
  rmSync(scratch, { recursive: true });
}

/** The lines of a list, without comments. */
function listed(file) {
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.map((line) => line.trim()).filter((line) => line && !line.startsWith("#"));
}

function exportsOf(file) {
  return WebAssembly.Module.exports(new WebAssembly.Module(readFileSync(file))).map((each) => each.name);
}

function binaryen(tool, args) {
  const program = join(tools, "node_modules", "binaryen", "bin", tool);
  const { status, signal, stderr } = spawnSync(process.execPath, [program, ...features, ...args], {
    // `wasm-metadce` lists every function that it removes.
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
  });
  if (status !== 0) fail(`${tool} ended with ${signal ?? status}:\n${stderr}`);
}

function fail(message) {
  throw new Error(message);
}
