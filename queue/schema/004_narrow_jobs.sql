-- The same rules in a form that costs each enqueue, claim and settlement less.
--
-- `x IN (a, b, c)` builds a table in memory each time it is judged, by a CHECK as by the WHERE of a
-- partial index; OR does not. One index serves the three states in which jobs only lie, since each
-- index is opened for every move. The texts without a bound in practice come last: what stands
-- behind them is read through all of their overflow pages.

CREATE TABLE jobs_narrow(
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL
    -- GLOB stops at a zero byte, so that one is looked for alone.
    CONSTRAINT kind_is_a_name CHECK(length(CAST(kind AS BLOB)) BETWEEN 1 AND 64
      AND kind NOT GLOB '*[^a-z0-9._-]*' AND instr(kind, char(0)) = 0),
  state TEXT NOT NULL DEFAULT 'ready'
    CONSTRAINT state_is_known
    CHECK(state = 'ready' OR state = 'running' OR state = 'done' OR state = 'scheduled'
      OR state = 'dead' OR state = 'cancelled' OR state = 'blocked'),
  priority INTEGER NOT NULL DEFAULT 1000
    CONSTRAINT priority_is_in_range CHECK(priority BETWEEN 0 AND 4294967295),
  run_at_ms INTEGER NOT NULL
    DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER))
    CONSTRAINT run_at_is_a_time CHECK(run_at_ms BETWEEN 0 AND 253402300799999),
  attempt INTEGER NOT NULL DEFAULT 0
    CONSTRAINT attempt_is_in_range CHECK(attempt BETWEEN 0 AND max_attempts),
  max_attempts INTEGER NOT NULL DEFAULT 5
    CONSTRAINT max_attempts_is_in_range CHECK(max_attempts BETWEEN 1 AND 1000),
  crashes INTEGER NOT NULL DEFAULT 0,
  timeout_ms INTEGER NOT NULL DEFAULT 300000
    CONSTRAINT timeout_is_in_range CHECK(timeout_ms BETWEEN 1 AND 604800000),
  unique_key TEXT
    CONSTRAINT unique_key_is_bounded CHECK(length(CAST(unique_key AS BLOB)) BETWEEN 1 AND 512),
  fence INTEGER NOT NULL DEFAULT 0,
  worker_id INTEGER,
  lease_mono_ns INTEGER,
  cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK(cancel_requested IN (0, 1)),
  cost_usd_micros INTEGER NOT NULL DEFAULT 0,
  error_class TEXT,
  parent_id INTEGER,
  workflow_id INTEGER,
  created_at_ms INTEGER NOT NULL
    DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)),
  started_at_ms INTEGER,
  finished_at_ms INTEGER,
  error TEXT,
  payload TEXT NOT NULL DEFAULT '{}'
    CONSTRAINT payload_is_json CHECK(json_valid(payload))
    CONSTRAINT payload_is_bounded CHECK(length(CAST(payload AS BLOB)) <= 1048576),
  result TEXT CONSTRAINT result_is_json CHECK(result IS NULL OR json_valid(result)),
  CONSTRAINT waiting_has_attempts_left
    CHECK(attempt < max_attempts
      OR (state <> 'blocked' AND state <> 'scheduled' AND state <> 'ready')),
  CONSTRAINT running_has_a_worker
    CHECK(state <> 'running' OR (worker_id IS NOT NULL AND lease_mono_ns IS NOT NULL)),
  CONSTRAINT ended_has_a_time
    CHECK(finished_at_ms IS NOT NULL
      OR (state <> 'done' AND state <> 'dead' AND state <> 'cancelled'))
) STRICT;

INSERT INTO jobs_narrow(id, kind, state, priority, run_at_ms, attempt, max_attempts, crashes,
    timeout_ms, unique_key, fence, worker_id, lease_mono_ns, cancel_requested, cost_usd_micros,
    error_class, parent_id, workflow_id, created_at_ms, started_at_ms, finished_at_ms, error,
    payload, result)
  SELECT id, kind, state, priority, run_at_ms, attempt, max_attempts, crashes,
    timeout_ms, unique_key, fence, worker_id, lease_mono_ns, cancel_requested, cost_usd_micros,
    error_class, parent_id, workflow_id, created_at_ms, started_at_ms, finished_at_ms, error,
    payload, result
  FROM jobs;
DROP TABLE jobs;
ALTER TABLE jobs_narrow RENAME TO jobs;

-- A claim reads the front of this one, kind by kind.
CREATE INDEX jobs_ready ON jobs(kind, priority, id) WHERE state = 'ready';
CREATE INDEX jobs_scheduled ON jobs(run_at_ms) WHERE state = 'scheduled';
CREATE INDEX jobs_running ON jobs(lease_mono_ns, worker_id) WHERE state = 'running';
CREATE INDEX jobs_halted ON jobs(state, id)
  WHERE state = 'blocked' OR state = 'dead' OR state = 'cancelled';
CREATE INDEX jobs_workflow ON jobs(workflow_id) WHERE workflow_id IS NOT NULL;
CREATE UNIQUE INDEX jobs_unique ON jobs(unique_key)
  WHERE unique_key IS NOT NULL
    AND (state = 'ready' OR state = 'running' OR state = 'scheduled' OR state = 'blocked');

-- A plain INSERT with a run_at_ms to come is a delayed job: it waits where a claim does not look.
CREATE TRIGGER jobs_insert_delayed AFTER INSERT ON jobs
  WHEN NEW.state = 'ready' AND NEW.run_at_ms > NEW.created_at_ms
BEGIN
  UPDATE jobs SET state = 'scheduled' WHERE id = NEW.id;
END;

CREATE TABLE job_attempts_narrow(
  job_id INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  worker_id INTEGER,
  outcome TEXT NOT NULL
    CHECK(outcome = 'done' OR outcome = 'retry' OR outcome = 'snooze' OR outcome = 'dead'
      OR outcome = 'cancelled' OR outcome = 'returned' OR outcome = 'crashed'
      OR outcome = 'expired'),
  error_class TEXT,
  error TEXT,
  http_status INTEGER,
  tokens_in INTEGER NOT NULL,
  tokens_out INTEGER NOT NULL,
  cost_usd_micros INTEGER NOT NULL,
  started_at_ms INTEGER,
  ended_at_ms INTEGER NOT NULL,
  PRIMARY KEY(job_id, fence)
) STRICT, WITHOUT ROWID;

INSERT INTO job_attempts_narrow SELECT * FROM job_attempts ORDER BY job_id, fence;
DROP TABLE job_attempts;
ALTER TABLE job_attempts_narrow RENAME TO job_attempts;
