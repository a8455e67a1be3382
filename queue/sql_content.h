/*
 * sql_content.h - the statements over documents, topics, blog_posts, social_posts, publications and
 * feeds. Included by sql.h only. Those that insert or update a whole row have the record's members
 * as ?1, ?2, ... in the order of its FIELDS list, the id first.
 */
#ifndef SQL_CONTENT_H
#define SQL_CONTENT_H

#define SQL_P8  "?1,?2,?3,?4,?5,?6,?7,?8"
#define SQL_P16 SQL_P8 ",?9,?10,?11,?12,?13,?14,?15,?16"
#define SQL_P22 SQL_P16 ",?17,?18,?19,?20,?21,?22"

#define SQL_CONTENT(SQL)                                                                           \
  SQL_DOCUMENTS(SQL) SQL_TOPICS(SQL) SQL_POSTS(SQL) SQL_SOCIALS(SQL) SQL_FEEDS(SQL)

/* No ON CONFLICT DO UPDATE here: see documents_fts in the schema. DOCUMENTS_SEARCH is SQLite's own
 * (FTS5): another engine replaces its text. It ranks before it reads, so that the long texts of
 * matches past the limit stay unread; ?1 is an FTS5 query, ?2 a language or NULL. */
#define SQL_DOCUMENTS(SQL)                                                                         \
  SQL(DOCUMENT_INSERT, "",                                                                         \
      "INSERT INTO documents(" DOCUMENT_COLUMNS ") VALUES(" SQL_P22 ") "                           \
      "ON CONFLICT DO NOTHING RETURNING id")                                                       \
  SQL(DOCUMENT_UPDATE, "rowid",                                                                    \
      "UPDATE documents SET source=?2,source_url=?3,title=?4,content=?5,summary=?6,language=?7,"   \
      "domain=?8,market=?9,vertical=?10,content_hash=?11,canonical_url=?12,published_at_ms=?13,"   \
      "fetched_at_ms=?14,author=?15,entities=?16,keywords=?17,reliability_score=?18,paywall=?19,"  \
      "status=?20,feed_id=?21,guid=?22 WHERE id=?1")                                               \
  SQL(DOCUMENT_GET, "rowid", "SELECT " DOCUMENT_COLUMNS " FROM documents WHERE id=?1")             \
  SQL(DOCUMENT_BY_HASH, "documents_hash",                                                          \
      "SELECT " DOCUMENT_COLUMNS " FROM documents WHERE content_hash=?1")                          \
  SQL(DOCUMENT_ID_BY_GUID, "documents_guid",                                                       \
      "SELECT id,content_hash FROM documents WHERE feed_id=?1 AND guid=?2")                        \
  SQL(DOCUMENT_ID_BY_URL, "documents_url",                                                         \
      "SELECT id,content_hash FROM documents WHERE canonical_url=?1")                              \
  SQL(DOCUMENT_ID_BY_HASH, "documents_hash",                                                       \
      "SELECT id,content_hash FROM documents WHERE content_hash=?1")                               \
  SQL(DOCUMENTS_BY_STATUS, "documents_status",                                                     \
      "SELECT " DOCUMENT_COLUMNS " FROM documents WHERE status=?1 ORDER BY id DESC LIMIT ?2")      \
  SQL(DOCUMENTS_BY_LANGUAGE, "documents_language",                                                 \
      "SELECT " DOCUMENT_COLUMNS " FROM documents WHERE language=?1 ORDER BY id DESC LIMIT ?2")    \
  SQL(DOCUMENTS_SEARCH, "VIRTUAL TABLE INDEX",                                                     \
      "SELECT " DOCUMENT_COLUMNS ",score FROM (SELECT f.rowid AS hit,f.rank AS score "             \
      "FROM documents_fts AS f JOIN documents AS d ON d.id=f.rowid WHERE documents_fts MATCH ?1 "  \
      "AND (?2 IS NULL OR d.language=?2) ORDER BY f.rank LIMIT ?3) JOIN documents ON id=hit "      \
      "ORDER BY score,id")

#define SQL_TOPICS(SQL)                                                                            \
  SQL(TOPIC_INSERT, "",                                                                            \
      "INSERT INTO topics(" TOPIC_COLUMNS ") VALUES(" SQL_P22 ",?23,?24,?25,?26,?27) "             \
      "RETURNING id")                                                                              \
  SQL(TOPIC_UPDATE, "rowid",                                                                       \
      "UPDATE topics SET title=?2,description=?3,cluster_label=?4,source=?5,source_url=?6,"        \
      "discovered_at_ms=?7,domain=?8,market=?9,language=?10,intent=?11,engagement_score=?12,"      \
      "trending_score=?13,priority=?14,content_score=?15,research_report=?16,citations=?17,"       \
      "word_count=?18,minhash_signature=?19,status=?20,notion_id=?21,cache_key=?22,"               \
      "researched_at_ms=?23,cost_usd_micros=?24,created_at_ms=?25,updated_at_ms=?26,"              \
      "published_at_ms=?27 WHERE id=?1")                                                           \
  SQL(TOPIC_GET, "rowid", "SELECT " TOPIC_COLUMNS " FROM topics WHERE id=?1")                      \
  SQL(TOPICS_BY_STATUS, "topics_status",                                                           \
      "SELECT " TOPIC_COLUMNS " FROM topics WHERE status=?1 ORDER BY id DESC LIMIT ?2")            \
  SQL(TOPICS_BY_PRIORITY, "topics_priority",                                                       \
      "SELECT " TOPIC_COLUMNS " FROM topics WHERE priority>=?1 ORDER BY priority DESC,id DESC "    \
      "LIMIT ?2")                                                                                  \
  SQL(TOPIC_ID_BY_KEY, "topics_cache_key", "SELECT id FROM topics WHERE cache_key=?1")             \
  SQL(TOPIC_CACHE, "rowid",                                                                        \
      "SELECT research_report IS NOT NULL,researched_at_ms,reserved_job_id,reserved_fence "        \
      "FROM topics WHERE id=?1")                                                                   \
  SQL(TOPIC_HOLDER, "rowid", "SELECT 1 FROM jobs WHERE id=?1 AND fence=?2 AND state='running'")    \
  SQL(TOPIC_RESERVE, "rowid",                                                                      \
      "UPDATE topics SET reserved_job_id=?2,reserved_fence=?3 WHERE id=?1")                        \
  SQL(TOPIC_REPORT, "rowid",                                                                       \
      "UPDATE topics SET research_report=?2,citations=?3,word_count=?4,"                           \
      "cost_usd_micros=cost_usd_micros+?5,researched_at_ms=?6,updated_at_ms=?6,"                   \
      "status='researched',reserved_job_id=NULL,reserved_fence=NULL WHERE id=?1")                  \
  SQL(TOPIC_DRAFTED, "rowid",                                                                      \
      "UPDATE topics SET status='drafted',updated_at_ms=?2 WHERE id=?1 "                           \
      "AND status IN ('discovered','validated','researched')")                                     \
  SQL(TOPIC_PUBLISHED, "rowid",                                                                    \
      "UPDATE topics SET status='published',published_at_ms=coalesce(published_at_ms,?2),"         \
      "updated_at_ms=?2 WHERE id=?1")

#define SQL_POSTS(SQL)                                                                             \
  SQL(POST_INSERT, "",                                                                             \
      "INSERT INTO blog_posts(" POST_COLUMNS ") VALUES(" SQL_P22 ",?23,?24,?25) RETURNING id")     \
  SQL(POST_UPDATE, "rowid",                                                                        \
      "UPDATE blog_posts SET slug=?2,title=?3,content=?4,excerpt=?5,meta_description=?6,"          \
      "keywords=?7,primary_keyword=?8,word_count=?9,language=?10,brand_voice=?11,"                 \
      "target_audience=?12,hero_image_url=?13,hero_image_alt=?14,supporting_images=?15,"           \
      "research_topic_id=?16,cluster_id=?17,cluster_role=?18,internal_links=?19,notion_id=?20,"    \
      "notion_synced_at_ms=?21,status=?22,created_at_ms=?23,updated_at_ms=?24,"                    \
      "published_at_ms=?25 WHERE id=?1")                                                           \
  SQL(POST_GET, "rowid", "SELECT " POST_COLUMNS " FROM blog_posts WHERE id=?1")                    \
  SQL(POST_BY_TOPIC, "blog_posts_topic",                                                           \
      "SELECT " POST_COLUMNS " FROM blog_posts WHERE research_topic_id=?1 AND language=?2")        \
  SQL(POST_ID_BY_SLUG, "blog_posts_slug",                                                          \
      "SELECT id FROM blog_posts WHERE slug=?1 AND language=?2")                                   \
  SQL(POSTS_ANY, "blog_posts_created",                                                             \
      "SELECT " POST_COLUMNS " FROM blog_posts ORDER BY created_at_ms DESC,id DESC LIMIT ?1")      \
  SQL(POSTS_BY_STATUS, "blog_posts_status",                                                        \
      "SELECT " POST_COLUMNS " FROM blog_posts WHERE status=?1 "                                   \
      "ORDER BY created_at_ms DESC,id DESC LIMIT ?2")                                              \
  SQL(POSTS_OF_TOPIC, "blog_posts_topic",                                                          \
      "SELECT " POST_COLUMNS " FROM blog_posts WHERE research_topic_id=?1 "                        \
      "AND (?2 IS NULL OR status=?2) ORDER BY created_at_ms DESC,id DESC LIMIT ?3")                \
  SQL(POST_PUBLISHED, "rowid",                                                                     \
      "UPDATE blog_posts SET status='published',published_at_ms=coalesce(published_at_ms,?2) "     \
      "WHERE id=?1 RETURNING coalesce(research_topic_id,0)")

#define SQL_SOCIALS(SQL)                                                                           \
  SQL(SOCIAL_SAVE, "",                                                                             \
      "INSERT INTO social_posts(" SOCIAL_COLUMNS ") VALUES(" SQL_P16 ") "                          \
      "ON CONFLICT(blog_post_id,platform,language) DO UPDATE SET content=excluded.content,"        \
      "image_url=excluded.image_url,image_provider=excluded.image_provider,"                       \
      "hashtags=excluded.hashtags,character_count=excluded.character_count,"                       \
      "notion_id=coalesce(excluded.notion_id,social_posts.notion_id),"                             \
      "notion_synced_at_ms=coalesce(excluded.notion_synced_at_ms,"                                 \
      "social_posts.notion_synced_at_ms),status=CASE WHEN social_posts.status='published' "        \
      "THEN 'published' ELSE excluded.status END,scheduled_at_ms=excluded.scheduled_at_ms,"        \
      "updated_at_ms=excluded.updated_at_ms,"                                                      \
      "published_at_ms=coalesce(social_posts.published_at_ms,excluded.published_at_ms) "           \
      "RETURNING id")                                                                              \
  SQL(SOCIALS_OF_POST, "social_posts_place",                                                       \
      "SELECT " SOCIAL_COLUMNS " FROM social_posts WHERE blog_post_id=?1 "                         \
      "ORDER BY platform,language LIMIT ?2")                                                       \
  SQL(PUBLICATION_SAVE, "",                                                                        \
      "INSERT INTO publications(" PUBLICATION_COLUMNS ") VALUES(" SQL_P8 ",?9) "                   \
      "ON CONFLICT(blog_post_id,target) DO UPDATE SET remote_id=excluded.remote_id,"               \
      "remote_url=excluded.remote_url,content_hash=excluded.content_hash,"                         \
      "job_id=excluded.job_id,updated_at_ms=excluded.updated_at_ms RETURNING id")                  \
  SQL(PUBLICATION_GET, "publications_place",                                                       \
      "SELECT " PUBLICATION_COLUMNS " FROM publications WHERE blog_post_id=?1 AND target=?2")      \
  SQL(PUBLICATIONS_ANY, "scan of publications",                                                    \
      "SELECT " PUBLICATION_COLUMNS " FROM publications ORDER BY id DESC LIMIT ?1")                \
  SQL(PUBLICATIONS_OF_POST, "publications_place",                                                  \
      "SELECT " PUBLICATION_COLUMNS " FROM publications WHERE blog_post_id=?1 "                    \
      "ORDER BY target LIMIT ?2")

#define SQL_FEEDS(SQL)                                                                             \
  SQL(FEED_INSERT, "",                                                                             \
      "INSERT INTO feeds(" FEED_COLUMNS ") VALUES(" SQL_P16 ") "                                   \
      "ON CONFLICT(url) DO NOTHING RETURNING id")                                                  \
  SQL(FEED_UPDATE, "rowid",                                                                        \
      "UPDATE feeds SET url=?2,title=?3,language=?4,market=?5,etag=?6,last_modified=?7,"           \
      "status=?8,error=?9,failures=?10,moved_count=?11,moved_to=?12,interval_ms=?13,"              \
      "next_fetch_at_ms=?14,fetched_at_ms=?15,created_at_ms=?16 WHERE id=?1")                      \
  SQL(FEED_GET, "rowid", "SELECT " FEED_COLUMNS " FROM feeds WHERE id=?1")                         \
  SQL(FEED_BY_URL, "feeds_url", "SELECT " FEED_COLUMNS " FROM feeds WHERE url=?1")                 \
  SQL(FEED_DELETE, "rowid", "DELETE FROM feeds WHERE id=?1")                                       \
  SQL(FEEDS, "scan of feeds", "SELECT " FEED_COLUMNS " FROM feeds ORDER BY id LIMIT ?1")

#endif
