-- SQLite makes room for the whole program of a trigger before it asks for its WHEN: with an UPDATE of
-- the jobs in it, that was an eighth of the instructions of an enqueue. Here the first trigger is short,
-- and what it calls is made room for only when a job is delayed. The view is never read.

DROP TRIGGER IF EXISTS jobs_insert_delayed;

CREATE VIEW jobs_to_delay(id) AS SELECT 0 WHERE 0;

CREATE TRIGGER jobs_delay INSTEAD OF INSERT ON jobs_to_delay
BEGIN
  UPDATE jobs SET state = 'scheduled' WHERE id = NEW.id AND state = 'ready';
END;

-- A plain INSERT with a run_at_ms to come is a delayed job: it waits where a claim does not look.
CREATE TRIGGER jobs_insert_delayed AFTER INSERT ON jobs
  WHEN NEW.state = 'ready' AND NEW.run_at_ms > NEW.created_at_ms
BEGIN
  INSERT INTO jobs_to_delay(id) VALUES(NEW.id);
END;
