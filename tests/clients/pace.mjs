// Writes at a steady pace, and tells one line of JSON for every write.
//
// Used as `PROGRAM ADDRESSES GROUP EVERY_MS`. The addresses are those of Sentinels, or the one of a proxy.
// Ends when standard input does, and after two minutes.

import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';

const LONGEST_RUN_MS = 120_000;

const [list, group, every] = process.argv.slice(2);

export const addresses = list.split(',').map((address) => {
  const [, host, port] = address.match(/^(.*):(\d+)$/);
  return { host, port: Number(port) };
});

export { group };

// Tells which version of a library this is.
export function introduce(library) {
  const { version } = createRequire(import.meta.url)(`${library}/package.json`);
  tell({ library, version });
}

// Awaits `write` until the end, and ends the process.
export async function run(write) {
  let isOver = false;
  process.stdin.on('end', () => (isOver = true)).resume();
  const start = performance.now();
  let next = start;
  for (let n = 1; !isOver && performance.now() - start < LONGEST_RUN_MS; n += 1) {
    const begun = performance.now();
    let result;
    try {
      result = { ok: true, counter: await write() };
    } catch (error) {
      result = { ok: false, error: String(error) };
    }
    const now = performance.now();
    tell({ n, at_ms: now - start, ms: now - begun, ...result });
    next = Math.max(next + Number(every), now);
    await setTimeout(next - now);
  }
  process.exit();
}

function tell(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
