-- SQLite makes room for the whole program of a trigger before it asks for its WHEN: with an UPDATE of
-- the jobs in it, that was an eighth of the instructions of an enqueue. Here the first trigger is short,
-- and what it calls is made room for only when a job is delayed.

DROP TRIGGER IF EXISTS jobs_insert_delayed;

CREATE VIEW jobs_delayed(id) AS SELECT id FROM jobs WHERE state = 'scheduled';

CREATE TRIGGER jobs_delayed_insert INSTEAD OF INSERT ON jobs_delayed
BEGIN
  UPDATE jobs SET state = 'scheduled' WHERE id = NEW.id;
END;

-- A plain INSERT with a run_at_ms to come is a delayed job: it waits where a claim does not look.
CREATE TRIGGER jobs_insert_delayed AFTER INSERT ON jobs
  WHEN NEW.state = 'ready' AND NEW.run_at_ms > NEW.created_at_ms
BEGIN
  INSERT INTO jobs_delayed(id) VALUES(NEW.id);
END;
