-- The content store. `documents`, `topics` and `feeds` may be filled with a plain INSERT: whatever
-- can have a default has one.
--
-- Long texts stand last in each table: SQLite walks through the overflow pages of a long column to
-- reach those behind it, and lists and filters need the short ones only.

CREATE TABLE feeds(
  id INTEGER PRIMARY KEY,
  url TEXT NOT NULL
    CONSTRAINT url_is_http CHECK(url LIKE 'http://_%' OR url LIKE 'https://_%')
    CONSTRAINT url_is_bounded CHECK(length(CAST(url AS BLOB)) <= 8192),
  title TEXT CONSTRAINT title_is_bounded CHECK(length(CAST(title AS BLOB)) <= 8192),
  language TEXT CONSTRAINT language_is_bounded CHECK(length(language) <= 64),
  market TEXT CONSTRAINT market_is_bounded CHECK(length(market) <= 8192),
  etag TEXT,
  last_modified TEXT,
  status TEXT NOT NULL DEFAULT 'active'
    CONSTRAINT status_is_known CHECK(status IN ('active','gone','paused')),
  error TEXT,
  failures INTEGER NOT NULL DEFAULT 0 CHECK(failures >= 0),
  moved_count INTEGER NOT NULL DEFAULT 0 CHECK(moved_count >= 0),
  moved_to TEXT,
  interval_ms INTEGER NOT NULL DEFAULT 3600000
    CONSTRAINT interval_is_in_range CHECK(interval_ms BETWEEN 1000 AND 31536000000),
  next_fetch_at_ms INTEGER, -- NULL: as soon as somebody looks
  fetched_at_ms INTEGER,
  created_at_ms INTEGER NOT NULL
    DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER))
) STRICT;
CREATE UNIQUE INDEX feeds_url ON feeds(url);

CREATE TABLE documents(
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL DEFAULT 'manual'
    CONSTRAINT source_is_bounded CHECK(length(CAST(source AS BLOB)) BETWEEN 1 AND 8192),
  source_url TEXT CONSTRAINT source_url_is_bounded CHECK(length(CAST(source_url AS BLOB)) <= 8192),
  title TEXT NOT NULL DEFAULT ''
    CONSTRAINT title_is_bounded CHECK(length(CAST(title AS BLOB)) <= 8192),
  language TEXT NOT NULL DEFAULT 'und'
    CONSTRAINT language_is_bounded CHECK(length(language) BETWEEN 1 AND 64),
  domain TEXT,
  market TEXT,
  vertical TEXT,
  -- Hex SHA-256; NULL only in rows of a plain INSERT, which cannot compute it.
  content_hash TEXT
    CONSTRAINT content_hash_is_sha256
    CHECK(length(content_hash) = 64 AND content_hash NOT GLOB '*[^0-9a-f]*'),
  canonical_url TEXT
    CONSTRAINT canonical_url_is_bounded
    CHECK(length(CAST(canonical_url AS BLOB)) BETWEEN 1 AND 8192),
  published_at_ms INTEGER, -- NULL: unknown, and it stays so
  fetched_at_ms INTEGER NOT NULL
    DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)),
  author TEXT,
  reliability_score REAL NOT NULL DEFAULT 0.5
    CONSTRAINT reliability_is_in_range CHECK(reliability_score BETWEEN 0.0 AND 1.0),
  paywall INTEGER NOT NULL DEFAULT 0 CONSTRAINT paywall_is_a_flag CHECK(paywall IN (0, 1)),
  status TEXT NOT NULL DEFAULT 'new'
    CONSTRAINT status_is_known CHECK(status IN ('new','processed','rejected')),
  feed_id INTEGER REFERENCES feeds(id) ON DELETE SET NULL,
  guid TEXT CONSTRAINT guid_is_bounded CHECK(length(CAST(guid AS BLOB)) BETWEEN 1 AND 8192),
  entities TEXT
    CONSTRAINT entities_is_json CHECK(entities IS NULL OR json_valid(entities))
    CONSTRAINT entities_is_bounded CHECK(length(CAST(entities AS BLOB)) <= 4194304),
  keywords TEXT
    CONSTRAINT keywords_is_json CHECK(keywords IS NULL OR json_valid(keywords))
    CONSTRAINT keywords_is_bounded CHECK(length(CAST(keywords AS BLOB)) <= 4194304),
  summary TEXT CONSTRAINT summary_is_bounded CHECK(length(CAST(summary AS BLOB)) <= 4194304),
  content TEXT NOT NULL DEFAULT ''
    CONSTRAINT content_is_bounded CHECK(length(CAST(content AS BLOB)) <= 4194304)
) STRICT;
CREATE UNIQUE INDEX documents_hash ON documents(content_hash) WHERE content_hash IS NOT NULL;
CREATE UNIQUE INDEX documents_url ON documents(canonical_url) WHERE canonical_url IS NOT NULL;
-- Rows without a guid differ from one another, and this index also finds the rows of a feed that is
-- being removed.
CREATE UNIQUE INDEX documents_guid ON documents(feed_id, guid) WHERE feed_id IS NOT NULL;
CREATE INDEX documents_status ON documents(status, id);
CREATE INDEX documents_language ON documents(language, id);

-- The full-text index holds words only and reads the texts from `documents`. It stays right as long
-- as the triggers see each change with the old texts. That is so for INSERT, ON CONFLICT DO NOTHING,
-- UPDATE and DELETE. It is not so for INSERT OR REPLACE, which fires no delete trigger, and
-- ON CONFLICT DO UPDATE with update triggers is a known bug of SQLite 3.40: neither is used on this
-- table, an update here is a plain UPDATE by id. The key is an INTEGER PRIMARY KEY, so VACUUM does
-- not renumber it.
CREATE VIRTUAL TABLE documents_fts USING fts5(
  title, content, content='documents', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
);
CREATE TRIGGER documents_fts_insert AFTER INSERT ON documents
BEGIN
  INSERT INTO documents_fts(rowid, title, content) VALUES(NEW.id, NEW.title, NEW.content);
END;
CREATE TRIGGER documents_fts_delete AFTER DELETE ON documents
BEGIN
  INSERT INTO documents_fts(documents_fts, rowid, title, content)
    VALUES('delete', OLD.id, OLD.title, OLD.content);
END;
CREATE TRIGGER documents_fts_update AFTER UPDATE OF id, title, content ON documents
BEGIN
  INSERT INTO documents_fts(documents_fts, rowid, title, content)
    VALUES('delete', OLD.id, OLD.title, OLD.content);
  INSERT INTO documents_fts(rowid, title, content) VALUES(NEW.id, NEW.title, NEW.content);
END;

CREATE TABLE topics(
  id INTEGER PRIMARY KEY,
  title TEXT NOT NULL
    CONSTRAINT title_is_bounded CHECK(length(CAST(title AS BLOB)) BETWEEN 1 AND 8192),
  cluster_label TEXT,
  source TEXT NOT NULL DEFAULT 'manual'
    CONSTRAINT source_is_known
    CHECK(source IN ('rss','reddit','trends','autocomplete','competitor','manual')),
  source_url TEXT CONSTRAINT source_url_is_bounded CHECK(length(CAST(source_url AS BLOB)) <= 8192),
  discovered_at_ms INTEGER NOT NULL
    DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)),
  domain TEXT,
  market TEXT,
  language TEXT NOT NULL DEFAULT 'und'
    CONSTRAINT language_is_bounded CHECK(length(language) BETWEEN 1 AND 64),
  intent TEXT
    CONSTRAINT intent_is_known
    CHECK(intent IN ('informational','commercial','transactional','navigational')),
  engagement_score REAL NOT NULL DEFAULT 0,
  trending_score REAL NOT NULL DEFAULT 0,
  priority INTEGER NOT NULL DEFAULT 5
    CONSTRAINT priority_is_1_to_10 CHECK(priority BETWEEN 1 AND 10),
  content_score REAL NOT NULL DEFAULT 0,
  word_count INTEGER NOT NULL DEFAULT 0
    CONSTRAINT word_count_is_not_negative CHECK(word_count >= 0),
  status TEXT NOT NULL DEFAULT 'discovered'
    CONSTRAINT status_is_known
    CHECK(status IN ('discovered','validated','researched','drafted','published','archived')),
  notion_id TEXT,
  cache_key TEXT,
  researched_at_ms INTEGER,
  cost_usd_micros INTEGER NOT NULL DEFAULT 0
    CONSTRAINT cost_is_not_negative CHECK(cost_usd_micros >= 0),
  -- The attempt that has the right to research this topic, as long as `jobs` shows it running with
  -- this fence. Not part of the record.
  reserved_job_id INTEGER,
  reserved_fence INTEGER,
  created_at_ms INTEGER NOT NULL
    DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)),
  updated_at_ms INTEGER NOT NULL
    DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)),
  published_at_ms INTEGER,
  minhash_signature TEXT,
  description TEXT
    CONSTRAINT description_is_bounded CHECK(length(CAST(description AS BLOB)) <= 4194304),
  citations TEXT
    CONSTRAINT citations_is_a_json_array
    CHECK(citations IS NULL OR
      CASE WHEN json_valid(citations) THEN json_type(citations) = 'array' ELSE 0 END)
    CONSTRAINT citations_is_bounded CHECK(length(CAST(citations AS BLOB)) <= 4194304),
  research_report TEXT
    CONSTRAINT report_is_bounded CHECK(length(CAST(research_report AS BLOB)) <= 4194304),
  CONSTRAINT reservation_is_whole CHECK((reserved_job_id IS NULL) = (reserved_fence IS NULL))
) STRICT;
CREATE UNIQUE INDEX topics_cache_key ON topics(cache_key) WHERE cache_key IS NOT NULL;
CREATE INDEX topics_priority ON topics(priority DESC, id DESC);
CREATE INDEX topics_status ON topics(status, id);

CREATE TABLE blog_posts(
  id INTEGER PRIMARY KEY,
  slug TEXT NOT NULL
    CONSTRAINT slug_is_bounded CHECK(length(CAST(slug AS BLOB)) BETWEEN 1 AND 80),
  title TEXT NOT NULL
    CONSTRAINT title_is_bounded CHECK(length(CAST(title AS BLOB)) BETWEEN 1 AND 8192),
  excerpt TEXT CONSTRAINT excerpt_is_bounded CHECK(length(CAST(excerpt AS BLOB)) <= 4194304),
  meta_description TEXT,
  primary_keyword TEXT,
  word_count INTEGER NOT NULL DEFAULT 0
    CONSTRAINT word_count_is_not_negative CHECK(word_count >= 0),
  language TEXT NOT NULL DEFAULT 'und'
    CONSTRAINT language_is_bounded CHECK(length(language) BETWEEN 1 AND 64),
  brand_voice TEXT,
  target_audience TEXT,
  hero_image_url TEXT,
  hero_image_alt TEXT,
  research_topic_id INTEGER REFERENCES topics(id) ON DELETE SET NULL,
  cluster_id TEXT,
  cluster_role TEXT NOT NULL DEFAULT 'standalone'
    CONSTRAINT cluster_role_is_known CHECK(cluster_role IN ('standalone','hub','spoke')),
  notion_id TEXT,
  notion_synced_at_ms INTEGER,
  status TEXT NOT NULL DEFAULT 'draft'
    CONSTRAINT status_is_known CHECK(status IN ('draft','ready','scheduled','published')),
  created_at_ms INTEGER NOT NULL
    DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)),
  updated_at_ms INTEGER NOT NULL
    DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)),
  published_at_ms INTEGER,
  keywords TEXT
    CONSTRAINT keywords_is_a_json_array
    CHECK(keywords IS NULL OR
      CASE WHEN json_valid(keywords) THEN json_type(keywords) = 'array' ELSE 0 END),
  supporting_images TEXT
    CONSTRAINT supporting_images_is_json CHECK(supporting_images IS NULL OR json_valid(supporting_images)),
  internal_links TEXT
    CONSTRAINT internal_links_is_json CHECK(internal_links IS NULL OR json_valid(internal_links)),
  content TEXT NOT NULL
    CONSTRAINT content_is_bounded CHECK(length(CAST(content AS BLOB)) BETWEEN 1 AND 4194304)
) STRICT;
CREATE UNIQUE INDEX blog_posts_slug ON blog_posts(slug, language);
CREATE UNIQUE INDEX blog_posts_topic ON blog_posts(research_topic_id, language)
  WHERE research_topic_id IS NOT NULL;
CREATE INDEX blog_posts_status ON blog_posts(status, created_at_ms DESC, id DESC);
CREATE INDEX blog_posts_created ON blog_posts(created_at_ms DESC, id DESC);
CREATE INDEX blog_posts_cluster ON blog_posts(cluster_id) WHERE cluster_id IS NOT NULL;

CREATE TABLE social_posts(
  id INTEGER PRIMARY KEY,
  blog_post_id INTEGER NOT NULL REFERENCES blog_posts(id) ON DELETE CASCADE,
  platform TEXT NOT NULL
    CONSTRAINT platform_is_known
    CHECK(platform IN ('linkedin','facebook','instagram','tiktok','mastodon','bluesky')),
  image_url TEXT,
  image_provider TEXT,
  character_count INTEGER NOT NULL DEFAULT 0
    CONSTRAINT character_count_is_not_negative CHECK(character_count >= 0),
  language TEXT NOT NULL DEFAULT 'und'
    CONSTRAINT language_is_bounded CHECK(length(language) BETWEEN 1 AND 64),
  notion_id TEXT,
  notion_synced_at_ms INTEGER,
  status TEXT NOT NULL DEFAULT 'draft'
    CONSTRAINT status_is_known CHECK(status IN ('draft','ready','scheduled','published')),
  scheduled_at_ms INTEGER,
  created_at_ms INTEGER NOT NULL
    DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)),
  updated_at_ms INTEGER NOT NULL
    DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)),
  published_at_ms INTEGER,
  hashtags TEXT
    CONSTRAINT hashtags_is_a_json_array
    CHECK(hashtags IS NULL OR
      CASE WHEN json_valid(hashtags) THEN json_type(hashtags) = 'array' ELSE 0 END),
  content TEXT NOT NULL
    CONSTRAINT content_is_bounded CHECK(length(CAST(content AS BLOB)) BETWEEN 1 AND 4194304)
) STRICT;
-- The first column also finds the social posts of a post.
CREATE UNIQUE INDEX social_posts_place ON social_posts(blog_post_id, platform, language);
CREATE INDEX social_posts_platform ON social_posts(platform);
CREATE INDEX social_posts_status ON social_posts(status);

-- A row is here only when the target has confirmed it with an id of its own.
CREATE TABLE publications(
  id INTEGER PRIMARY KEY,
  blog_post_id INTEGER NOT NULL REFERENCES blog_posts(id) ON DELETE CASCADE,
  target TEXT NOT NULL
    CONSTRAINT target_is_bounded CHECK(length(CAST(target AS BLOB)) BETWEEN 1 AND 8192),
  remote_id TEXT NOT NULL
    CONSTRAINT remote_id_is_bounded CHECK(length(CAST(remote_id AS BLOB)) BETWEEN 1 AND 8192),
  remote_url TEXT CONSTRAINT remote_url_is_bounded CHECK(length(CAST(remote_url AS BLOB)) <= 8192),
  content_hash TEXT,
  job_id INTEGER,
  created_at_ms INTEGER NOT NULL
    DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)),
  updated_at_ms INTEGER NOT NULL
    DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER))
) STRICT;
CREATE UNIQUE INDEX publications_place ON publications(blog_post_id, target);
