-- The queue. `jobs` is a public interface: INSERT INTO jobs(kind, payload) is a correct enqueue.

CREATE TABLE schema_steps(
  version INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  applied_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE jobs(
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL
    -- GLOB stops at a zero byte, so that one is looked for alone.
    CONSTRAINT kind_is_a_name CHECK(length(CAST(kind AS BLOB)) BETWEEN 1 AND 64
      AND kind NOT GLOB '*[^a-z0-9._-]*' AND instr(kind, char(0)) = 0),
  payload TEXT NOT NULL DEFAULT '{}'
    CONSTRAINT payload_is_json CHECK(json_valid(payload))
    CONSTRAINT payload_is_bounded CHECK(length(CAST(payload AS BLOB)) <= 1048576),
  state TEXT NOT NULL DEFAULT 'ready'
    CONSTRAINT state_is_known
    CHECK(state IN ('blocked','scheduled','ready','running','done','dead','cancelled')),
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
  result TEXT CONSTRAINT result_is_json CHECK(result IS NULL OR json_valid(result)),
  cost_usd_micros INTEGER NOT NULL DEFAULT 0,
  error_class TEXT,
  error TEXT,
  parent_id INTEGER,
  workflow_id INTEGER,
  created_at_ms INTEGER NOT NULL
    DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)),
  started_at_ms INTEGER,
  finished_at_ms INTEGER,
  CONSTRAINT waiting_has_attempts_left
    CHECK(state NOT IN ('blocked','scheduled','ready') OR attempt < max_attempts),
  CONSTRAINT running_has_a_worker
    CHECK(state <> 'running' OR (worker_id IS NOT NULL AND lease_mono_ns IS NOT NULL)),
  CONSTRAINT ended_has_a_time
    CHECK(state NOT IN ('done','dead','cancelled') OR finished_at_ms IS NOT NULL)
) STRICT;

-- A claim reads the front of this one, kind by kind.
CREATE INDEX jobs_ready ON jobs(kind, priority, id) WHERE state = 'ready';
CREATE INDEX jobs_scheduled ON jobs(run_at_ms) WHERE state = 'scheduled';
CREATE INDEX jobs_running ON jobs(lease_mono_ns, worker_id) WHERE state = 'running';
CREATE INDEX jobs_blocked ON jobs(id) WHERE state = 'blocked';
CREATE INDEX jobs_dead ON jobs(id) WHERE state = 'dead';
CREATE INDEX jobs_cancelled ON jobs(id) WHERE state = 'cancelled';
CREATE INDEX jobs_workflow ON jobs(workflow_id) WHERE workflow_id IS NOT NULL;
CREATE UNIQUE INDEX jobs_unique ON jobs(unique_key)
  WHERE unique_key IS NOT NULL AND state IN ('blocked','scheduled','ready','running');

-- A plain INSERT with a run_at_ms to come is a delayed job: it waits where a claim does not look.
CREATE TRIGGER jobs_insert_delayed AFTER INSERT ON jobs
  WHEN NEW.state = 'ready' AND NEW.run_at_ms > NEW.created_at_ms
BEGIN
  UPDATE jobs SET state = 'scheduled' WHERE id = NEW.id;
END;

-- One row an attempt, written when it ends.
CREATE TABLE job_attempts(
  job_id INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  worker_id INTEGER,
  outcome TEXT NOT NULL
    CHECK(outcome IN ('done','retry','snooze','dead','cancelled','returned','crashed','expired')),
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

CREATE TABLE workers(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  pid INTEGER NOT NULL,
  host TEXT NOT NULL,
  boot_id TEXT NOT NULL,
  kinds TEXT NOT NULL CHECK(json_valid(kinds)),
  slots INTEGER NOT NULL,
  started_at_ms INTEGER NOT NULL,
  stopped_at_ms INTEGER
) STRICT;
CREATE INDEX workers_live ON workers(id) WHERE stopped_at_ms IS NULL;

-- Counters of what has ended, so that nobody counts history.
CREATE TABLE totals(
  kind TEXT NOT NULL,
  outcome TEXT NOT NULL,
  n INTEGER NOT NULL,
  busy_ms INTEGER NOT NULL,
  cost_usd_micros INTEGER NOT NULL,
  PRIMARY KEY(kind, outcome)
) STRICT, WITHOUT ROWID;
