// Prints how large a module is, plain and compressed, and with `--check` fails when that is beyond the limits. A gateway
// compiles the whole module at its start, and fleets fetch it over the network, so growth must not go unnoticed.
//
//   node tools/size.mjs [--check] <shipped.wasm>

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Bytes. */
const LIMITS = { plain: 4_000_000, gzip: 1_300_000 };

const check = process.argv[2] === "--check";
const file = process.argv[check ? 3 : 2];
const module = readFileSync(file);
const sizes = { plain: module.length, gzip: gzipped(file) };
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
console.log(`${file}: ${megabytes(sizes.plain)}, with gzip -9 ${megabytes(sizes.gzip)}`);

const beyond = Object.keys(LIMITS).filter((name) => sizes[name] > LIMITS[name]);
for (const name of check ? beyond : []) {
  console.error(`too large: ${name} ${sizes[name]} bytes, and the limit is ${LIMITS[name]}`);
  process.exitCode = 1;
}

// The program itself: Node's copy of zlib finds other matches, and is 1 % off.
function gzipped(path) {
  return execFileSync("gzip", ["-9", "--no-name", "--stdout", path], { maxBuffer: 1 << 26 }).length;
}
