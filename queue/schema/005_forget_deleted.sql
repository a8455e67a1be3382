-- A job that is deleted, which only people do, takes along what is kept of it: the next one may get
-- its number, and would find steps done that it has not begun.

CREATE TRIGGER jobs_delete AFTER DELETE ON jobs
BEGIN
  DELETE FROM job_attempts WHERE job_id = OLD.id;
  DELETE FROM job_steps WHERE job_id = OLD.id;
  DELETE FROM job_progress WHERE job_id = OLD.id;
END;

DELETE FROM job_attempts WHERE job_id NOT IN (SELECT id FROM jobs);
DELETE FROM job_steps WHERE job_id NOT IN (SELECT id FROM jobs);
DELETE FROM job_progress WHERE job_id NOT IN (SELECT id FROM jobs);
