-- What jobs do outside the database, and how far they are. Neither table is read or written by a
-- claim or a settlement, and no trigger or foreign key ties them to `jobs`.

-- A row is written before the deed and again when its end is known. It belongs to the job: attempts
-- come and go, and the next one reads here what the one before had begun.
CREATE TABLE job_steps(
  job_id INTEGER NOT NULL,
  name TEXT NOT NULL
    CONSTRAINT name_is_bounded CHECK(length(CAST(name AS BLOB)) BETWEEN 1 AND 256),
  idempotency_key TEXT NOT NULL
    CONSTRAINT idempotency_key_is_bounded
    CHECK(length(CAST(idempotency_key AS BLOB)) BETWEEN 1 AND 512),
  state TEXT NOT NULL CONSTRAINT state_is_known CHECK(state IN ('begun','done')),
  fence INTEGER NOT NULL, -- of the attempt that wrote the row last
  began_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER,
  intent TEXT NOT NULL
    CONSTRAINT intent_is_json CHECK(json_valid(intent))
    CONSTRAINT intent_is_bounded CHECK(length(CAST(intent AS BLOB)) <= 65536),
  result TEXT
    CONSTRAINT result_is_json CHECK(result IS NULL OR json_valid(result))
    CONSTRAINT result_is_bounded CHECK(length(CAST(result AS BLOB)) <= 65536),
  PRIMARY KEY(job_id, name),
  CONSTRAINT done_has_a_time CHECK((state = 'done') = (ended_at_ms IS NOT NULL)),
  CONSTRAINT only_done_has_a_result CHECK(state = 'done' OR result IS NULL)
) STRICT, WITHOUT ROWID;

-- The last word of an attempt about how far it is. A table of its own, since a row of `jobs` may
-- carry a payload of a megabyte, which each update would write again.
CREATE TABLE job_progress(
  job_id INTEGER PRIMARY KEY,
  fence INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  progress TEXT NOT NULL
    CONSTRAINT progress_is_json CHECK(json_valid(progress))
    CONSTRAINT progress_is_bounded CHECK(length(CAST(progress AS BLOB)) <= 4096)
) STRICT;
