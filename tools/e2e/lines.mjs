// What the tests say to a script, and what it says to them: a line of JSON with a number and one command, and a line with
// that number and its result. Commands do not wait for each other. A script ends when nobody speaks to it any more.

import { createInterface } from "node:readline";

export async function serve(commands) {
  const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
  for await (const line of createInterface({ input: process.stdin })) {
    const { number, command, ...parameters } = JSON.parse(line);
    commands[command](parameters).then(
      (result) => say({ number, result: result ?? null }),
      (error) => say({ number, error: String(error?.stack ?? error), cause: String(error?.cause ?? "") }),
    );
  }
  process.exit(0);
}
