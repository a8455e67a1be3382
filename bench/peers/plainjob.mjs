// plainjob, whose worker polls: each second unless BENCH_POLL_MS says otherwise.
import { pathToFileURL } from 'node:url';

const TYPE = 'bench';
const silent = () => {};
const logger = { error: console.error, warn: silent, info: silent, debug: silent };

async function open(modules, address) {
  const plainjob = await import(pathToFileURL(modules.resolve('plainjob')));
  const Database = modules('better-sqlite3');
  const connection = plainjob.better(new Database(address));
  return { plainjob, queue: plainjob.defineQueue({ connection, logger }) };
}

export async function producer(modules, address) {
  const { queue } = await open(modules, address);
  return {
    add: (data) => queue.add(TYPE, data),
    addMany: (all) => queue.addMany(TYPE, all),
    close: () => queue.close(),
  };
}

export async function worker(modules, address, done) {
  const { plainjob, queue } = await open(modules, address);
  const one = plainjob.defineWorker(TYPE, (job) => done(JSON.parse(job.data)), {
    queue, logger, pollIntervall: Number(process.env.BENCH_POLL_MS ?? 1000),
  });
  let running;
  return {
    start: async () => {
      running = one.start();
    },
    stop: async () => {
      await one.stop();
      await running;
      queue.close();
    },
  };
}
