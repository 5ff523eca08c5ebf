// Times the stages of a request where gateways run them: in V8, which Envoy has inside, and beside that natively.
//
//   node tools/stages.mjs <probe.wasm> <folder of Criterion's estimates> [<report.md>]
//
// The module (crates/probe) has the filter's own code and no clock; it does a stage as often as it is told to. Criterion
// has timed the same stages natively before (`cargo bench`). Prints a Markdown table, and writes it to the report.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { WASI } from "node:wasi";

// The whole module by the optimising compiler, at once, as gateways compile it: what a stage costs then does not depend
// on how often it has run before.
setFlagsFromString("--no-liftoff");
setFlagsFromString("--no-wasm-lazy-compilation");

/** Milliseconds. */
const SAMPLE = process.env.QUICK ? 5 : 100;
const SAMPLES = process.env.QUICK ? 3 : 9;

const [module, estimates, report] = process.argv.slice(2);
if (!estimates) fail("usage: node tools/stages.mjs <probe.wasm> <folder of Criterion's estimates> [<report.md>]");

const ask = await probe(module);
const rows = ask({ stages: true }).map((name) => ({ name, native: native(name), vm: inTheVm(name) }));
const text = [
  "# Stages of a request",
  "",
  "Written by `make bench`; [docs/performance.md](../performance.md) says how to read it.",
  "",
  "| stage | native, µs | in the VM, µs | ratio |",
  "|---|--:|--:|--:|",
  ...rows.map(({ name, native, vm }) => `| \`${name}\` | ${micros(native)} | ${micros(vm)} | ${ratio(vm, native)} |`),
  "",
  "## The machine",
  "",
  `- date: ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`,
  `- processor: ${cpus()[0]?.model ?? "unknown"}, ${process.arch}`,
  `- VM: V8 ${process.versions.v8} in Node ${process.versions.node}`,
  ...(SAMPLES < 9 ? ["- **a short run: these figures show that it works, not how fast it is**"] : []),
  "",
].join("\n");
console.log(text);
if (report) {
  mkdirSync(dirname(report), { recursive: true });
  writeFileSync(report, text);
  console.error(`This stands in ${report}.`);
}

/** Loads the module and gives the function that asks it. */
async function probe(file) {
  if (!existsSync(file)) fail(`there is no ${file}; \`make probe\` builds it`);
  const wasi = new WASI({ version: "preview1", returnOnExit: true });
  const module = await WebAssembly.compile(readFileSync(file));
  const instance = await WebAssembly.instantiate(module, { ...wasi.getImportObject(), env: gateway(module) });
  wasi.initialize(instance);
  const { memory, probe_room, probe_ask, probe_answer_size } = instance.exports;
  return (message) => {
    const bytes = new TextEncoder().encode(JSON.stringify(message));
    const room = probe_room(bytes.length);
    new Uint8Array(memory.buffer, room, bytes.length).set(bytes);
    const answer = probe_ask() >>> 0;
    const said = JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, answer, probe_answer_size())));
    if (said.error) fail(`the probe: ${said.error}`);
    return said.answer;
  };
}

/** The functions of a gateway, which the module knows as a part of the filter, and none of which a stage calls. */
function gateway(module) {
  const absent = (name) => () => fail(`the probe asks a gateway for ${name}, and there is none`);
  const imports = WebAssembly.Module.imports(module).filter((each) => each.module === "env");
  return Object.fromEntries(imports.map(({ name }) => [name, absent(name)]));
}

/** Microseconds of one repetition: the median of several samples. */
function inTheVm(stage) {
  // Makes what all repetitions share.
  ask({ stage, times: 0 });
  let times = 1;
  while (timed(stage, times) < SAMPLE) times *= 2;
  const samples = Array.from({ length: SAMPLES }, () => (timed(stage, times) * 1000) / times);
  return samples.sort((one, other) => one - other)[Math.floor(SAMPLES / 2)];
}

function timed(stage, times) {
  const before = process.hrtime.bigint();
  ask({ stage, times });
  return Number(process.hrtime.bigint() - before) / 1e6;
}

/** Criterion's median, in microseconds, where it has been there. */
function native(stage) {
  const file = join(estimates, stage, "new", "estimates.json");
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).median.point_estimate / 1000 : undefined;
}

function micros(time) {
  if (time === undefined) return "–";
  return time < 10 ? time.toFixed(2) : time.toFixed(0);
}

function ratio(vm, native) {
  return native === undefined ? "–" : (vm / native).toFixed(1);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
