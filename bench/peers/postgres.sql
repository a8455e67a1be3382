-- A queue as it is commonly written on PostgreSQL: a row a job, claimed with SKIP LOCKED, deleted when
-- it is done.
DROP TABLE IF EXISTS jobs;
CREATE TABLE jobs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL DEFAULT 'bench',
  state text NOT NULL DEFAULT 'ready',
  priority integer NOT NULL DEFAULT 0,
  attempt integer NOT NULL DEFAULT 0,
  run_at timestamptz NOT NULL DEFAULT now(),
  leased_until timestamptz,
  payload text NOT NULL
);
CREATE INDEX jobs_ready ON jobs (priority, id) WHERE state = 'ready';
