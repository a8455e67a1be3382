/*
 * sql_jobs.h - the statements over jobs, job_attempts, job_steps, job_progress, workers and totals.
 * Included by sql.h only. The four live states stand literally in each WHERE, since a partial index
 * is used only then, and with OR, since IN makes a table of its list each time. RETURNING makes one
 * of its rows: the statements of every enqueue, claim and settlement do without. A batch goes into
 * one statement as a JSON array of ids. An attempt replaces the row of its fence, which is there
 * only where a foreign program has set a fence back.
 */
#ifndef SQL_JOBS_H
#define SQL_JOBS_H

#define SQL_LIVE "(state='ready' OR state='running' OR state='scheduled' OR state='blocked')"

/* Newest first, by kind (or any) below an id. */
#define SQL_LIST(state)                                                                            \
  "SELECT " JOB_COLUMNS " FROM jobs WHERE state='" state "' AND (?1 IS NULL OR kind=?1) AND "      \
  "id<?2 ORDER BY id DESC LIMIT ?3"
/* The same by an index that is not in the order of ids: +id keeps SQLite from walking the table,
 * finished jobs and all, to be spared a sort of the few that live. */
#define SQL_LIST_LIVE(state)                                                                       \
  "SELECT " JOB_COLUMNS " FROM jobs WHERE state='" state "' AND (?1 IS NULL OR kind=?1) AND "      \
  "+id<?2 ORDER BY +id DESC LIMIT ?3"

#define SQL_CLAIM                                                                                  \
  "UPDATE jobs SET state='running',attempt=attempt+1,fence=fence+1,worker_id=?2,"                  \
  "lease_mono_ns=?3,started_at_ms=?4,finished_at_ms=NULL WHERE "

#define SQL_JOBS(SQL)                                                                              \
  SQL(JOB_INSERT, "",                                                                              \
      "INSERT INTO jobs(kind,payload,state,priority,run_at_ms,max_attempts,timeout_ms,unique_key," \
      "parent_id,workflow_id,created_at_ms) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11) "           \
      "ON CONFLICT(unique_key) WHERE unique_key IS NOT NULL AND " SQL_LIVE " DO NOTHING")          \
  SQL(JSON_VALID, "", "SELECT json_valid(?1)")                                                     \
  SQL(JOB_BY_KEY, "jobs_unique",                                                                   \
      "SELECT id FROM jobs WHERE unique_key=?1 AND unique_key IS NOT NULL AND " SQL_LIVE)          \
  SQL(JOB_WORKFLOW, "rowid", "SELECT coalesce(workflow_id,id) FROM jobs WHERE id=?1")              \
  SQL(FEED_EXISTS, "rowid", "SELECT 1 FROM feeds WHERE id=?1")                                     \
  SQL(TOPIC_EXISTS, "rowid", "SELECT 1 FROM topics WHERE id=?1")                                   \
  SQL(POST_EXISTS, "rowid", "SELECT 1 FROM blog_posts WHERE id=?1")                                \
  SQL(JOB_GET, "rowid", "SELECT " JOB_COLUMNS " FROM jobs WHERE id=?1")                            \
  SQL(JOBS_ANY, "rowid",                                                                           \
      "SELECT " JOB_COLUMNS " FROM jobs WHERE (?1 IS NULL OR kind=?1) AND id<?2 "                  \
      "ORDER BY id DESC LIMIT ?3")                                                                 \
  SQL(JOBS_BLOCKED, "jobs_halted", SQL_LIST("blocked"))                                            \
  SQL(JOBS_SCHEDULED, "jobs_scheduled", SQL_LIST_LIVE("scheduled"))                                \
  SQL(JOBS_READY, "jobs_ready", SQL_LIST_LIVE("ready"))                                            \
  SQL(JOBS_RUNNING, "jobs_running", SQL_LIST_LIVE("running"))                                      \
  SQL(JOBS_DONE, "rowid", SQL_LIST("done"))                                                        \
  SQL(JOBS_DEAD, "jobs_halted", SQL_LIST("dead"))                                                  \
  SQL(JOBS_CANCELLED, "jobs_halted", SQL_LIST("cancelled"))                                        \
  SQL(JOBS_OF_WORKFLOW, "jobs_workflow",                                                           \
      "SELECT " JOB_COLUMNS " FROM jobs WHERE id=?1 UNION ALL SELECT * FROM (SELECT " JOB_COLUMNS  \
      " FROM jobs WHERE workflow_id=?1 AND workflow_id IS NOT NULL AND id<>?1 ORDER BY id)")       \
  SQL(ATTEMPTS, "job_attempts",                                                                    \
      "SELECT " ATTEMPT_COLUMNS " FROM job_attempts WHERE job_id=?1 ORDER BY fence")               \
  SQL(JOBS_FRONT, "jobs_ready",                                                                    \
      "SELECT id,priority FROM jobs WHERE state='ready' AND kind=?1 ORDER BY priority,id "         \
      "LIMIT ?2")                                                                                  \
  SQL(JOB_CLAIM, "rowid", SQL_CLAIM "id=?1 AND state='ready'")                                     \
  SQL(JOBS_CLAIM, "rowid", SQL_CLAIM "id IN (SELECT value FROM json_each(?1)) AND state='ready'")  \
  SQL(JOBS_OF_LIST, "rowid",                                                                       \
      "SELECT " JOB_COLUMNS " FROM (SELECT value AS listed FROM json_each(?1)) "                   \
      "CROSS JOIN jobs ON jobs.id=listed")                                                         \
  SQL(JOBS_DUE, "jobs_scheduled",                                                                  \
      "UPDATE jobs SET state='ready' WHERE id IN (SELECT id FROM jobs WHERE state='scheduled' "    \
      "AND run_at_ms<=?1 ORDER BY run_at_ms LIMIT ?2) AND state='scheduled'")                      \
  SQL(JOB_RENEW, "rowid",                                                                          \
      "UPDATE jobs SET lease_mono_ns=?3 WHERE id=?1 AND fence=?2 AND state='running' "             \
      "RETURNING cancel_requested")                                                                \
  SQL(JOB_HELD, "rowid",                                                                           \
      "SELECT kind,attempt,max_attempts,crashes,worker_id,started_at_ms,cancel_requested "         \
      "FROM jobs WHERE id=?1 AND fence=?2 AND state='running'")                                    \
  SQL(JOB_SHOWN, "rowid",                                                                          \
      "SELECT cancel_requested,coalesce(json_valid(?3),0) FROM jobs WHERE id=?1 AND fence=?2 "     \
      "AND state='running'")                                                                       \
  SQL(PROGRESS_SAVE, "",                                                                           \
      "INSERT INTO job_progress(" PROGRESS_COLUMNS ") VALUES(?1,?2,?3,?4) "                        \
      "ON CONFLICT(job_id) DO UPDATE SET fence=excluded.fence,at_ms=excluded.at_ms,"               \
      "progress=excluded.progress")                                                                \
  SQL(PROGRESS_GET, "rowid", "SELECT " PROGRESS_COLUMNS " FROM job_progress WHERE job_id=?1")      \
  SQL(STEP_GET, "job_steps", "SELECT " STEP_COLUMNS " FROM job_steps WHERE job_id=?1 AND name=?2") \
  SQL(STEPS, "job_steps",                                                                          \
      "SELECT " STEP_COLUMNS " FROM job_steps WHERE job_id=?1 ORDER BY began_at_ms,name")          \
  SQL(STEP_COUNT, "job_steps", "SELECT count(*) FROM job_steps WHERE job_id=?1")                   \
  SQL(STEP_INSERT, "",                                                                             \
      "INSERT INTO job_steps(" STEP_COLUMNS ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)")                \
  SQL(STEP_DONE, "job_steps",                                                                      \
      "UPDATE job_steps SET state='done',fence=?3,result=?4,ended_at_ms=?5 "                       \
      "WHERE job_id=?1 AND name=?2 AND state='begun'")                                             \
  SQL(STEP_FORGET, "job_steps",                                                                    \
      "DELETE FROM job_steps WHERE job_id=?1 AND name=?2 AND state='begun'")                       \
  SQL(STEPS_FORGET, "job_steps", "DELETE FROM job_steps WHERE job_id=?1 AND state='begun'")        \
  SQL(JOB_SETTLE, "rowid",                                                                         \
      "UPDATE jobs SET state=?3,run_at_ms=coalesce(?4,run_at_ms),attempt=?5,crashes=?6,"           \
      "result=?7,cost_usd_micros=cost_usd_micros+?8,error_class=?9,error=?10,finished_at_ms=?11,"  \
      "worker_id=NULL,lease_mono_ns=NULL,cancel_requested=0 "                                      \
      "WHERE id=?1 AND fence=?2 AND state='running'")                                              \
  SQL(JOBS_HELD, "rowid",                                                                          \
      "SELECT id,fence,kind,started_at_ms FROM (SELECT value AS listed FROM json_each(?1)) "       \
      "CROSS JOIN jobs ON jobs.id=listed AND state='running'")                                     \
  SQL(ATTEMPTS_DONE, "rowid",                                                                      \
      "INSERT OR REPLACE INTO job_attempts(" ATTEMPT_COLUMNS ") "                                  \
      "SELECT id,fence,attempt,worker_id,'done',"                                                  \
      "NULL,NULL,NULL,0,0,0,started_at_ms,?2 FROM jobs "                                           \
      "WHERE id IN (SELECT value FROM json_each(?1)) AND state='running'")                         \
  SQL(JOBS_SETTLE_DONE, "rowid",                                                                   \
      "UPDATE jobs SET state='done',result=NULL,error_class=NULL,error=NULL,finished_at_ms=?2,"    \
      "worker_id=NULL,lease_mono_ns=NULL,cancel_requested=0 "                                      \
      "WHERE id IN (SELECT value FROM json_each(?1)) AND state='running'")                         \
  SQL(ATTEMPT_INSERT, "",                                                                          \
      "INSERT OR REPLACE INTO job_attempts(" ATTEMPT_COLUMNS ") "                                  \
      "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)")                                        \
  SQL(TOTAL_ADD, "totals",                                                                         \
      "INSERT INTO totals(kind,outcome,n,busy_ms,cost_usd_micros) VALUES(?1,?2,?3,?4,?5) "         \
      "ON CONFLICT(kind,outcome) DO UPDATE SET n=n+excluded.n,busy_ms=busy_ms+excluded.busy_ms,"   \
      "cost_usd_micros=cost_usd_micros+excluded.cost_usd_micros")                                  \
  SQL(TOTALS, "scan of totals",                                                                    \
      "SELECT kind,outcome,n,0,busy_ms,cost_usd_micros FROM totals "                               \
      "WHERE outcome IN ('done','dead','cancelled') ORDER BY kind,outcome")                        \
  SQL(LIVE_COUNTS, "scan of live jobs",                                                            \
      "SELECT kind,'blocked',count(*),0,0,0 FROM jobs WHERE state='blocked' GROUP BY kind "        \
      "UNION ALL SELECT kind,'scheduled',count(*),0,0,0 FROM jobs WHERE state='scheduled' "        \
      "GROUP BY kind UNION ALL SELECT kind,'ready',count(*),min(run_at_ms),0,0 FROM jobs "         \
      "WHERE state='ready' GROUP BY kind UNION ALL SELECT kind,'running',count(*),0,0,0 "          \
      "FROM jobs WHERE state='running' GROUP BY kind")                                             \
  SQL(LOOK_READY, "jobs_ready", "SELECT 1 FROM jobs WHERE state='ready' AND kind=?1 LIMIT 1")      \
  SQL(LOOK_SCHEDULED, "jobs_scheduled",                                                            \
      "SELECT run_at_ms FROM jobs WHERE state='scheduled' ORDER BY run_at_ms LIMIT 1")             \
  SQL(LOOK_LEASE, "jobs_running",                                                                  \
      "SELECT lease_mono_ns FROM jobs WHERE state='running' ORDER BY lease_mono_ns LIMIT 1")       \
  SQL(LOOK_RUNNING_KIND, "jobs_running",                                                           \
      "SELECT 1 FROM jobs WHERE state='running' AND kind=?1 LIMIT 1")                              \
  SQL(LOOK_CANCEL, "jobs_running",                                                                 \
      "SELECT 1 FROM jobs WHERE state='running' AND worker_id=?1 AND cancel_requested=1 LIMIT 1")  \
  SQL(JOB_CANCEL, "rowid",                                                                         \
      "UPDATE jobs SET state='cancelled',finished_at_ms=?2,cancel_requested=0 WHERE id=?1 "        \
      "AND state IN ('blocked','scheduled','ready') RETURNING kind")                               \
  SQL(JOB_CANCEL_RUNNING, "rowid",                                                                 \
      "UPDATE jobs SET cancel_requested=1 WHERE id=?1 AND state='running'")                        \
  SQL(JOB_RETRY_ENDED, "rowid",                                                                    \
      "UPDATE jobs SET state='ready',attempt=0,crashes=0,run_at_ms=?2,finished_at_ms=NULL,"        \
      "error=NULL,error_class=NULL WHERE id=?1 AND state IN ('dead','cancelled')")                 \
  SQL(JOB_RETRY_SCHEDULED, "rowid",                                                                \
      "UPDATE jobs SET state='ready',run_at_ms=?2 WHERE id=?1 AND state='scheduled'")              \
  SQL(WORKER_INSERT, "",                                                                           \
      "INSERT INTO workers(pid,host,boot_id,kinds,slots,started_at_ms) VALUES(?1,?2,?3,?4,?5,?6) " \
      "RETURNING id")                                                                              \
  SQL(WORKER_STOP, "rowid",                                                                        \
      "UPDATE workers SET stopped_at_ms=?2 WHERE id=?1 "                                           \
      "AND stopped_at_ms IS NULL")                                                                 \
  SQL(WORKERS_LIVE, "workers_live",                                                                \
      "SELECT " WORKER_COLUMNS " FROM workers WHERE stopped_at_ms IS NULL ORDER BY id")            \
  SQL(WORKER_NEWEST, "rowid", "SELECT id FROM workers ORDER BY id DESC LIMIT 1")                   \
  SQL(WORKERS_PRUNE, "rowid",                                                                      \
      "DELETE FROM workers WHERE id<?1-1000 AND stopped_at_ms IS NOT NULL")                        \
  SQL(JOBS_OF_WORKER, "jobs_running",                                                              \
      "SELECT id,fence FROM jobs WHERE state='running' AND worker_id=?1 LIMIT ?2")                 \
  SQL(JOBS_EXPIRED, "jobs_running",                                                                \
      "SELECT id,fence FROM jobs WHERE state='running' AND lease_mono_ns<?1 LIMIT ?2")

#endif
