// BullMQ at its best: jobs that are done are removed, and one worker has many in hand.
const QUEUE = 'bench';
const CONCURRENCY = 100;

const connection = (path) => ({ path, maxRetriesPerRequest: null });
const options = { removeOnComplete: true };

export async function producer(modules, address) {
  const { Queue } = modules('bullmq');
  const queue = new Queue(QUEUE, { connection: connection(address), defaultJobOptions: options });
  await queue.waitUntilReady();
  return {
    add: (data) => queue.add(QUEUE, data),
    addMany: (all) => queue.addBulk(all.map((data) => ({ name: QUEUE, data }))),
    close: () => queue.close(),
  };
}

export async function worker(modules, address, done) {
  const { Worker } = modules('bullmq');
  const handler = async (job) => done(job.data);
  const one = new Worker(QUEUE, handler, {
    connection: connection(address), autorun: false, concurrency: CONCURRENCY,
  });
  await one.waitUntilReady();
  return {
    start: async () => {
      one.run();
    },
    stop: () => one.close(true),
  };
}
