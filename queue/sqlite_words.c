/* SQLite: whether the full-text index has the words of the documents.
 *
 * FTS5's own comparison is an INSERT, which needs the write lock and a writer's connection. This
 * one reads: each document's text goes through the tokenizer of the index, each entry of the index
 * is read from a temporary fts5vocab table, and for each document the sums of a hash over (word,
 * column, place) must agree. It costs reading all texts and the whole index once, some 10 MB a
 * second, and 16 bytes of memory for each document. */
#include "sqlite_db.h"

#include <stdlib.h>
#include <string.h>

#define WORD_MAX    32768 /* bytes of a word that FTS5 keeps */
#define LIST_GROWTH 1024
#define VOCABULARY  "temp.galley_words"

struct document {
  int64_t id;
  uint64_t sum; /* of the hashes of its text's words, less those of the index */
};

struct words {
  struct sqlite_db *db;
  struct document *documents; /* by id */
  size_t n, room;
  fts5_tokenizer api;
  Fts5Tokenizer *tokenizer;
  /* While a column is cut into words: */
  uint64_t sum;
  uint64_t column, place;
};

/* FNV-1a over the word, then the mixing of splitmix64. */
static uint64_t hash(const char *word, size_t len, uint64_t column, uint64_t place) {
  uint64_t h = UINT64_C(14695981039346656037);
  for (size_t i = 0; i < len; i++)
    h = (h ^ (unsigned char)word[i]) * UINT64_C(1099511628211);
  h += (place * 2 + column + 1) * UINT64_C(0x9E3779B97F4A7C15);
  h = (h ^ (h >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  h = (h ^ (h >> 27)) * UINT64_C(0x94D049BB133111EB);
  return h ^ (h >> 31);
}

static enum galley_rc failed(struct words *words, int code) {
  return sqlite_error_set(words->db, words->db->h, code, "reading the full-text index");
}

static enum galley_rc prepare(struct words *words, const char *sql, sqlite3_stmt **s) {
  int code = sqlite3_prepare_v2(words->db->h, sql, -1, s, NULL);
  return code == SQLITE_OK ? GALLEY_OK : failed(words, code);
}

/* ---- the texts ---- */

/* FTS5 hands out its interface through a pointer that is bound to a function of its own. */
static enum galley_rc find_tokenizer(struct words *words) {
  static const char *arguments[] = {"remove_diacritics", "2"}; /* as in the schema */
  fts5_api *api = NULL;
  sqlite3_stmt *s = NULL;
  void *context = NULL;
  enum galley_rc rc = prepare(words, "SELECT fts5(?1)", &s);
  if (rc != GALLEY_OK)
    return rc;
  int code = sqlite3_bind_pointer(s, 1, &api, "fts5_api_ptr", NULL);
  if (code == SQLITE_OK)
    code = sqlite3_step(s) == SQLITE_ROW ? SQLITE_OK : SQLITE_ERROR;
  int finalized = sqlite3_finalize(s); /* the code of a step that failed */
  if (finalized != SQLITE_OK || (code == SQLITE_OK && !api))
    code = finalized != SQLITE_OK ? finalized : SQLITE_ERROR;
  if (code == SQLITE_OK)
    code = api->xFindTokenizer(api, "unicode61", &context, &words->api);
  if (code == SQLITE_OK)
    code = words->api.xCreate(context, arguments, 2, &words->tokenizer);
  return code == SQLITE_OK ? GALLEY_OK : failed(words, code);
}

static int take_word(void *arg, int flags, const char *word, int len, int start, int end) {
  struct words *words = arg;
  size_t kept = len > WORD_MAX ? WORD_MAX : (size_t)len;
  (void)start;
  (void)end;
  if (flags & FTS5_TOKEN_COLOCATED)
    words->place--;
  words->sum += hash(word, kept, words->column, words->place++);
  return SQLITE_OK;
}

static int read_column(struct words *words, sqlite3_stmt *s, int column) {
  const char *text = (const char *)sqlite3_column_text(s, column + 1);
  int len = sqlite3_column_bytes(s, column + 1);
  words->column = (uint64_t)column;
  words->place = 0;
  if (!text)
    return sqlite3_column_type(s, column + 1) == SQLITE_NULL ? SQLITE_OK : SQLITE_NOMEM;
  return words->api.xTokenize(words->tokenizer, words, FTS5_TOKENIZE_DOCUMENT, text, len,
                              take_word);
}

static enum galley_rc add(struct words *words, int64_t id) {
  if (words->n == words->room) {
    size_t room = words->room * 2 + LIST_GROWTH;
    struct document *documents = realloc(words->documents, room * sizeof *documents);
    if (!documents)
      return error_set(words->db->base.error, GALLEY_NO_MEMORY, "no memory for %zu documents",
                       room);
    words->documents = documents;
    words->room = room;
  }
  words->documents[words->n++] = (struct document){id, words->sum};
  return GALLEY_OK;
}

static enum galley_rc read_texts(struct words *words) {
  sqlite3_stmt *s = NULL;
  int code = SQLITE_DONE;
  enum galley_rc rc = prepare(words, "SELECT id,title,content FROM documents ORDER BY id", &s);
  while (rc == GALLEY_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
    words->sum = 0;
    code = read_column(words, s, 0);
    if (code == SQLITE_OK)
      code = read_column(words, s, 1);
    rc = code == SQLITE_OK ? add(words, sqlite3_column_int64(s, 0)) : failed(words, code);
  }
  if (rc == GALLEY_OK && code != SQLITE_DONE)
    rc = failed(words, code);
  sqlite3_finalize(s);
  return rc;
}

/* ---- the index ---- */

static struct document *find(const struct words *words, int64_t id) {
  size_t low = 0, high = words->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (words->documents[middle].id < id)
      low = middle + 1;
    else
      high = middle;
  }
  return low < words->n && words->documents[low].id == id ? &words->documents[low] : NULL;
}

/* Entries of documents that are not there are told by another rule, which knows them by their row
 * in the index; here they have nobody to be compared with. */
static void take_entry(struct words *words, sqlite3_stmt *s) {
  struct document *document = find(words, sqlite3_column_int64(s, 1));
  const char *word = (const char *)sqlite3_column_text(s, 0);
  const char *column = (const char *)sqlite3_column_text(s, 2);
  if (document && word && column)
    document->sum -= hash(word, (size_t)sqlite3_column_bytes(s, 0), strcmp(column, "title") != 0,
                          (uint64_t)sqlite3_column_int64(s, 3));
}

static enum galley_rc read_index(struct words *words) {
  sqlite3_stmt *s = NULL;
  enum galley_rc rc = prepare(words, "SELECT term,doc,col,offset FROM " VOCABULARY, &s);
  if (rc != GALLEY_OK)
    return rc;
  int code = sqlite3_step(s);
  for (; code == SQLITE_ROW; code = sqlite3_step(s))
    take_entry(words, s);
  if (code != SQLITE_DONE)
    rc = failed(words, code);
  sqlite3_finalize(s);
  return rc;
}

/* The temporary table is this connection's own: nothing is written to the database. */
static enum galley_rc read_both(struct words *words) {
  sqlite3 *h = words->db->h;
  int code = sqlite3_exec(h,
                          "CREATE VIRTUAL TABLE IF NOT EXISTS " VOCABULARY
                          " USING fts5vocab('main','documents_fts','instance')",
                          NULL, NULL, NULL);
  if (code != SQLITE_OK)
    return failed(words, code);
  enum galley_rc rc = read_texts(words);
  if (rc == GALLEY_OK)
    rc = read_index(words);
  code = sqlite3_exec(h, "DROP TABLE " VOCABULARY, NULL, NULL, NULL);
  return rc == GALLEY_OK && code != SQLITE_OK ? failed(words, code) : rc;
}

enum galley_rc sqlite_words_check(struct db *base, void (*differs)(void *arg, int64_t id),
                                  void *arg) {
  struct words words = {.db = sqlite_db_of(base)};
  enum galley_rc rc = find_tokenizer(&words);
  if (rc == GALLEY_OK)
    rc = read_both(&words);
  for (size_t i = 0; rc == GALLEY_OK && i < words.n; i++)
    if (words.documents[i].sum != 0)
      differs(arg, words.documents[i].id);
  if (words.tokenizer)
    words.api.xDelete(words.tokenizer);
  free(words.documents);
  return rc;
}
