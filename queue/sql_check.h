/*
 * sql_check.h - the rules of galley_check that are one statement each. Included by sql.h only. What
 * a CHECK constraint of the schema says is not said again here: see constraint.h. A
 * row is CHECK(SQL, NAME, rule, table, cure, text): the text yields a row for each violation, with
 * the row's id, what is wrong, and in a third column the table where it is not always the same.
 * These statements read whole tables, which no other may.
 *
 * They hold what is true of every state that galley and a plain INSERT can leave. An INSERT may set
 * what a producer knows (kind, payload, a waiting state, priority, times, limits, key, parent,
 * workflow) and begin with some attempts spent; fences, leases, results, crashes and costs are the
 * workers'. A person's retry puts attempt and crashes back to 0 and leaves no row, so that a count
 * is compared with the rows since the last place where it can have been.
 */
#ifndef SQL_CHECK_H
#define SQL_CHECK_H

#define SQL_CHECK_INDEX "every row" /* in place of the index that a statement relies on */

#define SQL_CHECK_STATEMENT(SQL, name, rule, table, cure, text)                                    \
  SQL(CHECK_##name, SQL_CHECK_INDEX, text)

#define SQL_CHECKS(CHECK, SQL)                                                                     \
  SQL_CHECK_FILE(CHECK, SQL)                                                                       \
  SQL_CHECK_JOBS(CHECK, SQL)                                                                       \
  SQL_CHECK_COUNTS(CHECK, SQL)                                                                     \
  SQL_CHECK_ATTEMPTS(CHECK, SQL)                                                                   \
  SQL_CHECK_CONTENT(CHECK, SQL)                                                                    \
  SQL_CHECK_PLACES(CHECK, SQL)

#define SQL_CHECK_BY_HAND "mend the row by hand, and look for the program that wrote it"
#define SQL_CHECK_AGAIN                                                                            \
  "stop the workers, then let it run again: UPDATE jobs SET state='ready', worker_id=NULL, "       \
  "lease_mono_ns=NULL for this id"
#define SQL_CHECK_TWICE "delete the rows that are too many, then REINDEX"
#define SQL_CHECK_WAITS "('blocked','scheduled','ready')"
#define SQL_CHECK_ENDED "('done','dead','cancelled')"
/* Attempts that were not charged to their job. */
#define SQL_CHECK_FREE "('snooze','returned','crashed')"
/* Whether no job was ever deleted, as far as can be told. */
#define SQL_CHECK_WHOLE "(SELECT count(*)>0 AND count(*)=max(id) FROM jobs)"

#define SQL_CHECK_FILE(CHECK, SQL)                                                                 \
  CHECK(SQL, FILE, "file", "", "stop all workers and restore a backup",                            \
        "SELECT 0,integrity_check FROM pragma_integrity_check(1000) WHERE integrity_check<>'ok'")  \
  CHECK(SQL, REFERENCE, "reference", "", "add the row that is missing, or delete this one",        \
        "SELECT rowid,'it refers to a row of '||parent||' that is not there',\"table\" "           \
        "FROM pragma_foreign_key_check")                                                           \
  CHECK(SQL, STEPS, "schema_steps", "schema_steps", "restore a backup",                            \
        "WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v+1 FROM n "                            \
        "WHERE v<(SELECT user_version FROM pragma_user_version)) "                                 \
        "SELECT v,'schema step '||v||' is not recorded' FROM n "                                   \
        "WHERE v NOT IN (SELECT version FROM schema_steps) UNION ALL "                             \
        "SELECT version,'schema step '||version||' is recorded, and user_version says otherwise' " \
        "FROM schema_steps WHERE version NOT IN (SELECT v FROM n)")

#define SQL_CHECK_JOBS(CHECK, SQL)                                                                 \
  CHECK(SQL, JOB_RUNNING, "job_running", "jobs", SQL_CHECK_AGAIN,                                  \
        "SELECT id,'the job is running and has no '||CASE WHEN fence<1 THEN 'fence' "              \
        "WHEN attempt<1 THEN 'attempt' ELSE 'time of start' END FROM jobs WHERE state='running' "  \
        "AND (fence<1 OR attempt<1 OR started_at_ms IS NULL)")                                     \
  CHECK(SQL, JOB_WORKER, "job_worker", "jobs", SQL_CHECK_AGAIN,                                    \
        "SELECT j.id,'the job is running, and its worker '||j.worker_id||CASE WHEN w.id IS NULL "  \
        "THEN ' is not known' ELSE ' has stopped' END FROM jobs AS j LEFT JOIN workers AS w "      \
        "ON w.id=j.worker_id WHERE j.state='running' AND j.worker_id IS NOT NULL "                 \
        "AND (w.id IS NULL OR w.stopped_at_ms IS NOT NULL)")                                       \
  CHECK(SQL, JOB_UNENDED, "job_unended", "jobs",                                                   \
        "take it away: UPDATE jobs SET finished_at_ms=NULL for this id",                           \
        "SELECT id,'the job is '||state||' and has a time of its end' FROM jobs "                  \
        "WHERE state NOT IN " SQL_CHECK_ENDED " AND finished_at_ms IS NOT NULL")                   \
  CHECK(SQL, JOB_LEASE, "job_lease", "jobs",                                                       \
        "take it away: UPDATE jobs SET worker_id=NULL, lease_mono_ns=NULL for this id",            \
        "SELECT id,'the job is '||state||' and still has a worker or a lease' FROM jobs "          \
        "WHERE state<>'running' AND (worker_id IS NOT NULL OR lease_mono_ns IS NOT NULL)")         \
  CHECK(SQL, JOB_CANCEL_REQUEST, "job_cancel", "jobs",                                             \
        "take it away: UPDATE jobs SET cancel_requested=0 for this id, then galley cancel",        \
        "SELECT id,'the job is '||state||' and has a request to cancel' FROM jobs "                \
        "WHERE cancel_requested<>0 AND state<>'running'")                                          \
  CHECK(SQL, JOB_RESULT, "job_result", "jobs",                                                     \
        "take it away: UPDATE jobs SET result=NULL for this id",                                   \
        "SELECT id,'the job is '||state||' and has a result' FROM jobs "                           \
        "WHERE result IS NOT NULL AND state<>'done'")                                              \
  CHECK(SQL, JOB_KEY, "job_key", "jobs", "cancel all but one of them",                             \
        "SELECT max(id),count(*)||' live jobs have one unique key, the first is '||min(id) "       \
        "FROM jobs NOT INDEXED WHERE unique_key IS NOT NULL "                                      \
        "AND state IN ('blocked','scheduled','ready','running') GROUP BY unique_key "              \
        "HAVING count(*)>1")                                                                       \
  CHECK(SQL, JOB_PARENT, "job_parent", "jobs",                                                     \
        "take it away: UPDATE jobs SET parent_id=NULL for this id",                                \
        "SELECT id,CASE WHEN parent_id=id THEN 'the job is its own parent' "                       \
        "ELSE 'its parent, job '||parent_id||', is not there' END FROM jobs AS j "                 \
        "WHERE parent_id IS NOT NULL "                                                             \
        "AND (parent_id=id OR NOT EXISTS(SELECT 1 FROM jobs AS p WHERE p.id=j.parent_id))")        \
  CHECK(SQL, JOB_WORKFLOW, "job_workflow", "jobs",                                                 \
        "write the right one: UPDATE jobs SET workflow_id=... for this id",                        \
        "SELECT j.id,CASE WHEN w.id IS NULL THEN 'the first job of its chain, '||j.workflow_id||"  \
        "', is not there' ELSE 'its chain is '||j.workflow_id||', and its parent''s '||"           \
        "coalesce(p.workflow_id,p.id) END FROM jobs AS j LEFT JOIN jobs AS w "                     \
        "ON w.id=j.workflow_id LEFT JOIN jobs AS p ON p.id=j.parent_id AND p.id<>j.id "            \
        "WHERE j.workflow_id IS NOT NULL "                                                         \
        "AND (w.id IS NULL OR j.workflow_id<>coalesce(p.workflow_id,p.id))")                       \
  CHECK(SQL, JOB_DONE, "job_done", "jobs", "what it made cannot be trusted: restore a backup",     \
        "SELECT id,'the job is done, and no attempt of fence '||fence||' did it' FROM jobs AS j "  \
        "WHERE state='done' AND NOT EXISTS(SELECT 1 FROM job_attempts AS a "                       \
        "WHERE a.job_id=j.id AND a.fence=j.fence AND a.outcome='done')")                           \
  CHECK(SQL, JOB_DEAD, "job_dead", "jobs", "galley retry lets it run again",                       \
        "SELECT id,'the job is dead, and no attempt of fence '||fence||' failed' FROM jobs AS j "  \
        "WHERE state='dead' AND NOT EXISTS(SELECT 1 FROM job_attempts AS a WHERE a.job_id=j.id "   \
        "AND a.fence=j.fence AND a.outcome IN ('dead','crashed','expired'))")

#define SQL_CHECK_COUNTS(CHECK, SQL)                                                               \
  CHECK(                                                                                           \
      SQL, JOB_FENCE, "job_fence", "jobs",                                                         \
      "rows of attempts are lost or too many: restore a backup",                                   \
      "SELECT id,'the fence is '||fence||', and '||n||' attempts have ended' FROM "                \
      "(SELECT id,fence,state,(SELECT count(*) FROM job_attempts AS a WHERE a.job_id=j.id) AS n "  \
      "FROM jobs AS j) WHERE fence-(state='running')<>n")                                          \
  CHECK(SQL, JOB_ATTEMPT, "job_attempt", "jobs",                                                   \
        "write what the attempts say: UPDATE jobs SET attempt=... for this id",                    \
        "SELECT id,'the job counts '||now||' charged attempts, and its last one leaves '||was "    \
        "FROM (SELECT j.id,j.state,a.outcome,j.attempt-(j.state='running') AS now,"                \
        "a.attempt-(a.outcome IN " SQL_CHECK_FREE                                                  \
        ") AS was FROM jobs AS j JOIN job_attempts AS a "                                          \
        "ON a.job_id=j.id AND a.fence=j.fence-(j.state='running')) WHERE now<>was "                \
        "AND NOT (outcome='cancelled' AND now=was-1) "                                             \
        "AND NOT (now=0 AND outcome<>'done' AND state IN ('ready','running','cancelled'))")        \
  CHECK(SQL, JOB_CRASHES, "job_crashes", "jobs",                                                   \
        "write what the attempts say: UPDATE jobs SET crashes=... for this id",                    \
        "SELECT id,'the job counts '||crashes||' crashes, and '||CASE WHEN crashes>most "          \
        "THEN most ELSE least END||' of its attempts crashed' FROM (SELECT id,crashes,"            \
        "(SELECT count(*) FROM job_attempts AS a WHERE a.job_id=j.id AND a.outcome='crashed') "    \
        "AS most,CASE WHEN attempt-(state='running')=0 AND state IN "                              \
        "('ready','running','cancelled') THEN 0 ELSE (SELECT count(*) FROM job_attempts AS a "     \
        "WHERE a.job_id=j.id AND a.outcome='crashed' AND a.fence>=(SELECT max(fence) "             \
        "FROM job_attempts AS f WHERE f.job_id=j.id AND f.attempt=1)) END AS least "               \
        "FROM jobs AS j) WHERE crashes>most OR crashes<least")                                     \
  CHECK(SQL, JOB_COST, "job_cost", "jobs",                                                         \
        "write what the attempts say: UPDATE jobs SET cost_usd_micros=... for this id",            \
        "SELECT id,'the job cost '||cost||' micro-dollars, and its attempts '||spent FROM "        \
        "(SELECT id,cost_usd_micros AS cost,(SELECT coalesce(sum(a.cost_usd_micros),0) "           \
        "FROM job_attempts AS a WHERE a.job_id=j.id) AS spent FROM jobs AS j WHERE fence>0) "      \
        "WHERE cost<>spent")                                                                       \
  CHECK(SQL, TOTALS, "totals", "totals", "write what the attempts say into the row",               \
        "SELECT 0,kind||': '||sum(t)||' attempts are counted as '||outcome||', and '||sum(s)||"    \
        "' were' FROM (SELECT kind,outcome,n AS t,0 AS s FROM totals UNION ALL "                   \
        "SELECT j.kind,a.outcome,0,count(*) FROM job_attempts AS a JOIN jobs AS j "                \
        "ON j.id=a.job_id GROUP BY 1,2) WHERE outcome IN ('done','retry','snooze') "               \
        "GROUP BY kind,outcome HAVING sum(t)<sum(s) OR (sum(t)>sum(s) AND " SQL_CHECK_WHOLE ")")   \
  CHECK(SQL, TOTALS_SUM, "totals_sum", "totals", "write what the attempts say into the rows",      \
        "SELECT 0,kind||': '||CASE WHEN sum(t)<sum(s) OR (sum(t)-sum(c)>sum(s) "                   \
        "AND " SQL_CHECK_WHOLE ") THEN sum(t)||' attempts are counted, and '||sum(s)||"            \
        "' have ended' ELSE 'time or cost are not the sum of the attempts' END FROM "              \
        "(SELECT kind,n AS t,n*(outcome='cancelled') AS c,busy_ms AS b,cost_usd_micros AS u,"      \
        "0 AS s,0 AS d,0 AS v FROM totals UNION ALL SELECT j.kind,0,0,0,0,count(*),"               \
        "sum(max(0,a.ended_at_ms-coalesce(a.started_at_ms,0))),sum(a.cost_usd_micros) "            \
        "FROM job_attempts AS a JOIN jobs AS j ON j.id=a.job_id GROUP BY 1) GROUP BY kind "        \
        "HAVING sum(t)<sum(s) OR sum(b)<sum(d) OR sum(u)<sum(v) OR (" SQL_CHECK_WHOLE              \
        " AND (sum(t)-sum(c)>sum(s) OR sum(b)>sum(d) OR sum(u)>sum(v)))")

#define SQL_CHECK_ATTEMPTS(CHECK, SQL)                                                             \
  CHECK(SQL, ATTEMPT_JOB, "attempt_job", "job_attempts",                                           \
        "delete the attempts of jobs that were deleted: a new job may get the same id",            \
        "SELECT DISTINCT job_id,'attempts of job '||job_id||', which is not there' "               \
        "FROM job_attempts WHERE job_id NOT IN (SELECT id FROM jobs)")                             \
  CHECK(SQL, ATTEMPT_FENCE, "attempt_fence", "job_attempts",                                       \
        "look for who wrote it; then: UPDATE jobs SET fence=(the highest of its attempts)",        \
        "SELECT a.job_id,'an attempt has fence '||a.fence||', and the job '||j.fence "             \
        "FROM job_attempts AS a JOIN jobs AS j ON j.id=a.job_id "                                  \
        "WHERE a.fence<1 OR a.fence>j.fence")                                                      \
  CHECK(SQL, ATTEMPT_RUNNING, "attempt_running", "job_attempts", SQL_CHECK_AGAIN,                  \
        "SELECT j.id,'the job is running, and the attempt of its fence '||j.fence||' has ended' "  \
        "FROM jobs AS j JOIN job_attempts AS a ON a.job_id=j.id AND a.fence=j.fence "              \
        "WHERE j.state='running'")                                                                 \
  CHECK(SQL, ATTEMPT_DONE, "attempt_done", "job_attempts",                                         \
        "it would be done twice: cancel the job when it is live",                                  \
        "SELECT j.id,'the attempt of fence '||a.fence||' did the job, which is '||j.state||"       \
        "' with fence '||j.fence FROM job_attempts AS a JOIN jobs AS j ON j.id=a.job_id "          \
        "WHERE a.outcome='done' AND NOT (j.state='done' AND j.fence=a.fence)")                     \
  CHECK(SQL, ATTEMPT_NUMBER, "attempt_number", "job_attempts", SQL_CHECK_BY_HAND,                  \
        "SELECT job_id,'the attempt of fence '||fence||' has number '||attempt||"                  \
        "coalesce(' after one that left '||was,'') FROM (SELECT b.job_id,b.fence,b.attempt,"       \
        "a.outcome,a.attempt-(a.outcome IN " SQL_CHECK_FREE ") AS was FROM job_attempts AS b "     \
        "LEFT JOIN job_attempts AS a ON a.job_id=b.job_id AND a.fence=b.fence-1) "                 \
        "WHERE attempt<1 OR (attempt<>1 AND was IS NOT NULL "                                      \
        "AND (outcome IN " SQL_CHECK_ENDED " OR attempt<>was+1))")                                 \
  CHECK(SQL, STEP_JOB, "step_job", "job_steps", "delete the row",                                  \
        "SELECT s.job_id,CASE WHEN j.id IS NULL THEN 'a step of a job that is not there' "         \
        "ELSE 'a step has fence '||s.fence||', and the job '||j.fence END FROM job_steps AS s "    \
        "LEFT JOIN jobs AS j ON j.id=s.job_id WHERE j.id IS NULL OR s.fence<1 OR s.fence>j.fence") \
  CHECK(SQL, PROGRESS_JOB, "progress_job", "job_progress", "delete the row",                       \
        "SELECT p.job_id,CASE WHEN j.id IS NULL THEN 'progress of a job that is not there' "       \
        "ELSE 'progress has fence '||p.fence||', and the job '||j.fence END "                      \
        "FROM job_progress AS p LEFT JOIN jobs AS j ON j.id=p.job_id "                             \
        "WHERE j.id IS NULL OR p.fence<1 OR p.fence>j.fence")

#define SQL_CHECK_CONTENT(CHECK, SQL)                                                              \
  CHECK(SQL, DOCUMENT_TWICE, "document_twice", "documents", SQL_CHECK_TWICE,                       \
        "SELECT max(id),count(*)||' documents have one content_hash' FROM documents NOT INDEXED "  \
        "WHERE content_hash IS NOT NULL GROUP BY content_hash HAVING count(*)>1 UNION ALL "        \
        "SELECT max(id),count(*)||' documents have one canonical_url' FROM documents NOT INDEXED " \
        "WHERE canonical_url IS NOT NULL GROUP BY canonical_url HAVING count(*)>1 UNION ALL "      \
        "SELECT max(id),count(*)||' documents have one guid of one feed' "                         \
        "FROM documents NOT INDEXED WHERE feed_id IS NOT NULL AND guid IS NOT NULL "               \
        "GROUP BY feed_id,guid HAVING count(*)>1")                                                 \
  CHECK(SQL, DOCUMENT_INDEXED, "document_indexed", "documents",                                    \
        "rebuild it: INSERT INTO documents_fts(documents_fts) VALUES('rebuild')",                  \
        "SELECT id,'the full-text index does not have the document' FROM documents "               \
        "WHERE id NOT IN (SELECT id FROM documents_fts_docsize) UNION ALL "                        \
        "SELECT id,'the full-text index has a document that is not there' "                        \
        "FROM documents_fts_docsize WHERE id NOT IN (SELECT id FROM documents)")                   \
  CHECK(SQL, TOPIC_TWICE, "topic_twice", "topics", SQL_CHECK_TWICE,                                \
        "SELECT max(id),count(*)||' topics have one cache_key' FROM topics NOT INDEXED "           \
        "WHERE cache_key IS NOT NULL GROUP BY cache_key HAVING count(*)>1")                        \
  CHECK(SQL, TOPIC_RESERVED, "topic_reserved", "topics",                                           \
        "free it: UPDATE topics SET reserved_job_id=NULL, reserved_fence=NULL for this id",        \
        "SELECT t.id,'it is reserved for fence '||t.reserved_fence||' of job '||j.id||"            \
        "', which is at '||j.fence FROM topics AS t JOIN jobs AS j ON j.id=t.reserved_job_id "     \
        "WHERE t.reserved_fence<1 OR t.reserved_fence>j.fence")                                    \
  CHECK(                                                                                           \
      SQL, POST_TWICE, "post_twice", "blog_posts", SQL_CHECK_TWICE,                                \
      "SELECT max(id),count(*)||' posts have one slug and language' FROM blog_posts NOT INDEXED "  \
      "GROUP BY slug,language HAVING count(*)>1 UNION ALL "                                        \
      "SELECT max(id),count(*)||' posts have one topic and language' "                             \
      "FROM blog_posts NOT INDEXED WHERE research_topic_id IS NOT NULL "                           \
      "GROUP BY research_topic_id,language HAVING count(*)>1")

#define SQL_CHECK_PLACES(CHECK, SQL)                                                               \
  CHECK(SQL, POST_PUBLISHED, "post_published", "blog_posts",                                       \
        "write what is true: UPDATE blog_posts SET status='published' for this id",                \
        "SELECT id,'it was published, and its status is '||status FROM blog_posts AS b "           \
        "WHERE status<>'published' "                                                               \
        "AND EXISTS(SELECT 1 FROM publications AS p WHERE p.blog_post_id=b.id)")                   \
  CHECK(SQL, SOCIAL_TWICE, "social_twice", "social_posts", SQL_CHECK_TWICE,                        \
        "SELECT max(id),count(*)||' social posts of one post have one platform and language' "     \
        "FROM social_posts NOT INDEXED GROUP BY blog_post_id,platform,language "                   \
        "HAVING count(*)>1")                                                                       \
  CHECK(SQL, PUBLICATION_TWICE, "publication_twice", "publications", SQL_CHECK_TWICE,              \
        "SELECT max(id),count(*)||' publications have one post and target' "                       \
        "FROM publications NOT INDEXED GROUP BY blog_post_id,target HAVING count(*)>1")            \
  CHECK(SQL, PUBLICATION_JOB, "publication_job", "publications",                                   \
        "take it away: UPDATE publications SET job_id=NULL for this id",                           \
        "SELECT p.id,'job '||p.job_id||' published it, and '||CASE WHEN j.id IS NULL "             \
        "THEN 'is not there' ELSE 'has never run' END FROM publications AS p LEFT JOIN jobs AS j " \
        "ON j.id=p.job_id WHERE p.job_id IS NOT NULL AND (j.id IS NULL OR j.fence<1)")             \
  CHECK(SQL, JOB_PUBLISHED, "job_published", "jobs",                                               \
        "see whether it is at its target; galley enqueue publish sends it again",                  \
        "SELECT id,'the job published post '||post||', and no publication says so' FROM "          \
        "(SELECT id,CASE WHEN json_valid(result) THEN json_extract(result,'$.post_id') END "       \
        "AS post,CASE WHEN json_valid(result) THEN json_extract(result,'$.target') END AS place "  \
        "FROM jobs WHERE kind='publish' AND state='done') "                                        \
        "WHERE typeof(post)='integer' AND typeof(place)='text' "                                   \
        "AND post IN (SELECT id FROM blog_posts) AND NOT EXISTS(SELECT 1 FROM publications AS p "  \
        "WHERE p.blog_post_id=post AND p.target=place)")                                           \
  CHECK(SQL, FEED_TWICE, "feed_twice", "feeds", SQL_CHECK_TWICE,                                   \
        "SELECT max(id),count(*)||' feeds have one url' FROM feeds NOT INDEXED GROUP BY url "      \
        "HAVING count(*)>1")

/* What the check needs beside: the objects of a schema, and how much there was to look at. */
#define SQL_CHECK_HELPERS(SQL)                                                                     \
  SQL(CHECK_SCHEMA, SQL_CHECK_INDEX,                                                               \
      "SELECT type,name,sql,tbl_name FROM sqlite_schema ORDER BY rowid")                           \
  SQL(CHECK_OBJECT, SQL_CHECK_INDEX, "SELECT sql FROM sqlite_schema WHERE type=?1 AND name=?2")    \
  SQL(CHECK_SIZES, SQL_CHECK_INDEX,                                                                \
      "SELECT (SELECT count(*) FROM jobs),(SELECT count(*) FROM job_attempts),"                    \
      "(SELECT count(*) FROM documents),(SELECT count(*) FROM topics),"                            \
      "(SELECT count(*) FROM blog_posts),(SELECT count(*) FROM publications)")

#endif
