// graphile-worker at its best: jobs fetched and completed in batches, as its manual advises where there
// are many of them, and one by one where a worker waits for the next.
const TASK = 'bench';
const CONCURRENCY = 24;
const batches = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };

const url = (folder) => `postgres://bench@${encodeURIComponent(folder)}/postgres`;

function quiet(modules) {
  const { Logger } = modules('graphile-worker');
  return new Logger(() => () => {});
}

export async function producer(modules, address) {
  const { makeWorkerUtils } = modules('graphile-worker');
  const utils = await makeWorkerUtils({ connectionString: url(address), logger: quiet(modules) });
  await utils.migrate();
  return {
    add: (payload) => utils.addJob(TASK, payload),
    addMany: (all) => utils.addJobs(all.map((payload) => ({ identifier: TASK, payload }))),
    close: () => utils.release(),
  };
}

export async function worker(modules, address, done, busy) {
  const { makeWorkerUtils, run } = modules('graphile-worker');
  const logger = quiet(modules);
  const utils = await makeWorkerUtils({ connectionString: url(address), logger });
  await utils.migrate();
  await utils.release();
  let runner;
  return {
    start: async () => {
      runner = await run({
        logger,
        noHandleSignals: true,
        taskList: { [TASK]: async (payload) => done(payload) },
        preset: {
          worker: {
            connectionString: url(address),
            concurrentJobs: CONCURRENCY,
            maxPoolSize: CONCURRENCY + 2,
            ...(busy ? batches : {}),
          },
        },
      });
    },
    stop: () => runner.stop(),
  };
}
