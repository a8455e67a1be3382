/*
 * sql_content.h - the statements over documents, topics, blog_posts, social_posts, publications and
 * feeds. Included by sql.h only.
 */
#ifndef SQL_CONTENT_H
#define SQL_CONTENT_H

#define SQL_CONTENT(SQL)                                                                           \
  SQL(DOCUMENT_GET, "rowid", "SELECT " DOCUMENT_COLUMNS " FROM documents WHERE id=?1")             \
  SQL(TOPIC_GET, "rowid", "SELECT " TOPIC_COLUMNS " FROM topics WHERE id=?1")                      \
  SQL(POST_GET, "rowid", "SELECT " POST_COLUMNS " FROM blog_posts WHERE id=?1")                    \
  SQL(FEED_GET, "rowid", "SELECT " FEED_COLUMNS " FROM feeds WHERE id=?1")

#endif
