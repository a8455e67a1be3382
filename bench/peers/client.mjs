// One process of a load on a queue from npm:
//
//   node client.mjs PEER ROLE ADDRESS [name=value ...]
//
// PEER: a module beside this one. ROLE: producer, worker. Says "ready", begins at a line "go", and ends
// with one line of JSON: a producer by itself, a worker at the end of its input. A worker says
// beforehand how many jobs it has done, each time that this has changed.
//
// BENCH_MODULES is the folder in which npm has installed.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const PAYLOAD_LENGTH = 120;
const WAKE_PAUSE_MS = 5;
const PROGRESS_MS = 20;

const [peer, role, address, ...words] = process.argv.slice(2);
const settings = { batch: 1, jobs: 0, ms: 0, wake: 0 };
for (const word of words) {
  const [name, value] = word.split('=');
  settings[name] = Number(value);
}
const modules = createRequire(`${process.env.BENCH_MODULES}/`);
const queue = await import(`./${peer}.mjs`);

const now = () => process.hrtime.bigint(); // the monotonic clock, the same in every process
// Done when it is written: what a pipe cannot hold would be lost at the exit.
const say = (value) => new Promise((written) => {
  process.stdout.write(`${JSON.stringify(value)}\n`, written);
});
const lines = createInterface({ input: process.stdin });
const ended = new Promise((resolve) => lines.once('close', resolve));
const told = new Promise((resolve) => lines.once('line', resolve));

// An object that is a JSON text of PAYLOAD_LENGTH bytes, with the time in it.
function payload() {
  const head = { t: String(now()).padStart(20), x: '' };
  head.x = 'x'.repeat(PAYLOAD_LENGTH - JSON.stringify(head).length);
  return head;
}

async function produce() {
  const producer = await queue.producer(modules, address);
  say('ready');
  await told;
  const took = [];
  const began = now();
  const until = began + BigInt(settings.ms) * 1000000n;
  let n = 0;
  while (settings.jobs > 0 ? n < settings.jobs : now() < until) {
    const size = settings.jobs > 0 ? Math.min(settings.batch, settings.jobs - n) : settings.batch;
    const at = now();
    if (size === 1) await producer.add(payload());
    else await producer.addMany(Array.from({ length: size }, payload));
    took.push(Number(now() - at));
    n += size;
    if (settings.wake) await new Promise((resolve) => setTimeout(resolve, WAKE_PAUSE_MS));
  }
  await say({ n, began: Number(began), ended: Number(now()), took });
  await producer.close();
}

async function work() {
  const took = [];
  let n = 0;
  let last = 0;
  const done = (job) => {
    const at = now();
    if (settings.wake) took.push(Number(at - BigInt(job.t.trim())));
    last = Number(at);
    n += 1;
  };
  // The last word: whether it will be busy, or has to be quick when it was idle.
  const worker = await queue.worker(modules, address, done, !settings.wake && !settings.quiet);
  say('ready');
  await told;
  const began = Number(now());
  await worker.start();
  let said = 0;
  const progress = settings.quiet ? null : setInterval(() => {
    if (n !== said) say({ n, began, ended: last, took: [] });
    said = n;
  }, PROGRESS_MS);
  await ended;
  clearInterval(progress);
  await worker.stop();
  await say({ n, began, ended: last, took, over: true });
}

await (role === 'producer' ? produce() : work());
process.exit(0);
