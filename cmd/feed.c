#include "command.h"
#include "feed_fetch.h"
#include "nearest.h"
#include "row.h"
#include "table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define URL_BYTES_MAX 8192 /* as workers have it */

struct feed_args {
  const char *title, *language, *market;
  bool all;
};

#define AT(member) offsetof(struct feed_args, member)
static const struct option_row options[] = {
    {.name = "title",
     .type = OPTION_TEXT,
     .argument = "TEXT",
     .about = "add: the feed's title, until the feed says",
     .offset = AT(title)},
    {.name = "language",
     .type = OPTION_TEXT,
     .argument = "TAG",
     .about = "add: the language of items that do not say",
     .offset = AT(language)},
    {.name = "market",
     .type = OPTION_TEXT,
     .argument = "TEXT",
     .about = "add: the market of its documents",
     .offset = AT(market)},
    {.letter = 'a',
     .name = "all",
     .type = OPTION_FLAG,
     .about = "fetch: every active feed, due or not",
     .offset = AT(all)},
};

static const struct table_column columns[] = {
    {.field = "id", .title = "ID"},
    {.field = "status", .title = "STATUS"},
    {.field = "next_fetch_at_ms", .title = "NEXT FETCH"},
    {.field = "failures", .title = "FAILS"},
    {.field = "title", .title = "TITLE", .flexible = true},
    {.field = "url", .title = "URL", .flexible = true},
    {.field = "error", .title = "ERROR", .flexible = true},
};

/* A port, and a host in ASCII: workers would only find out later that they cannot go there. */
static int check_host(const struct session *session, const char *host) {
  size_t len = strcspn(host, "/?#");
  const char *at = memrchr(host, '@', len);
  const char *name = at != NULL ? at + 1 : host;
  const char *after = memchr(name, ']', len - (size_t)(name - host)); /* of an IPv6 address */
  const char *colon = after != NULL ? after + 1 : name + strcspn(name, ":/?#");
  if (colon == name)
    return session_fail(session, GALLEY_INVALID, "the address names no host");
  for (const char *c = name; c < colon; c++)
    if ((unsigned char)*c >= 0x80)
      return session_fail(session, GALLEY_INVALID,
                          "the host \"%.*s\" must be written in ASCII, as xn--mnchen-3ya.de",
                          (int)(colon - name), name);
  if (*colon != ':' || colon + 1 == host + len)
    return 0;
  size_t digits = strspn(colon + 1, "0123456789");
  long port = digits <= 5 ? strtol(colon + 1, NULL, 10) : 0;
  if (colon + 1 + digits == host + len && port >= 1 && port <= 65535)
    return 0;
  return session_fail(session, GALLEY_INVALID, "the port of the address must be 1 to 65535");
}

static int check_url(const struct session *session, const char *url) {
  size_t scheme = strncasecmp(url, "https://", 8) == 0 ? 8 : 7;
  if (scheme == 7 && strncasecmp(url, "http://", 7) != 0)
    return session_fail(session, GALLEY_INVALID,
                        "the address of a feed begins with http:// or https://, not \"%.80s\"",
                        url);
  if (strlen(url) > URL_BYTES_MAX)
    return session_fail(session, GALLEY_INVALID, "the address has more than %d bytes",
                        URL_BYTES_MAX);
  for (const char *c = url; *c != '\0'; c++)
    if ((unsigned char)*c <= 0x20 || *c == 0x7f)
      return session_fail(session, GALLEY_INVALID,
                          "the address holds white space or a control character (byte %td)",
                          c - url + 1);
  return check_host(session, url + scheme);
}

static int add(struct session *session, const struct feed_args *args, size_t n, char **operands) {
  int64_t id = 0;
  bool existing = false;
  (void)n;
  int status = check_url(session, operands[0]);
  if (status == 0)
    status = session_open(session, 0);
  if (status != 0)
    return status;
  struct galley_feed feed = {.url = operands[0],
                             .title = args->title,
                             .language = args->language,
                             .market = args->market,
                             .status = "active"};
  enum galley_rc rc = galley_feed_add(session->q, &feed, &id, &existing);
  if (rc != GALLEY_OK)
    return session_fail_open(session, rc);
  row_added(session, id, existing);
  if (existing)
    session_note(session, "feed %" PRId64 " has this address already", id);
  return 0;
}

static int list(struct session *session, const struct feed_args *args, size_t n, char **operands) {
  (void)args;
  (void)n;
  (void)operands;
  int status = session_open(session, GALLEY_OPEN_READONLY);
  if (status != 0)
    return status;
  struct table *table =
      table_new(session, &galley_feed_record, columns, sizeof columns / sizeof *columns);
  if (table == NULL)
    return session_fail(session, GALLEY_NO_MEMORY, "out of memory");
  enum galley_rc rc = galley_feeds(session->q, table_row, table);
  return table_finish(table, session, rc, "feeds; galley feed add URL adds one");
}

static int show(struct session *session, const struct feed_args *args, size_t n, char **operands) {
  int64_t id;
  struct galley_feed *feed = NULL;
  (void)args;
  (void)n;
  int status = session_open_id(session, GALLEY_OPEN_READONLY, operands[0], &id);
  if (status != 0)
    return status;
  enum galley_rc rc = galley_feed_get(session->q, id, &feed);
  return row_show(session, &galley_feed_record, rc, feed, NULL);
}

static int remove_feed(struct session *session, const struct feed_args *args, size_t n,
                       char **operands) {
  int64_t id;
  (void)args;
  (void)n;
  int status = session_open_id(session, 0, operands[0], &id);
  if (status != 0)
    return status;
  enum galley_rc rc = galley_feed_remove(session->q, id);
  if (rc == GALLEY_NONE)
    return session_fail(session, rc, "there is no feed %" PRId64, id);
  if (rc != GALLEY_OK)
    return session_fail_open(session, rc);
  session_note(session, "feed %" PRId64 " is removed; its documents stay", id);
  return 0;
}

static int fetch(struct session *session, const struct feed_args *args, size_t n, char **operands) {
  int64_t id;
  if (args->all && n > 0)
    return session_misuse(session, "--all and IDs exclude each other");
  for (size_t i = 0; i < n; i++)
    if (!session_id(session, operands[i], &id))
      return galley_rc_exit(GALLEY_USAGE);
  int status = session_open(session, 0);
  return status != 0 ? status : feed_fetch(session, args->all, n, operands);
}

static const struct verb {
  const char *name;
  size_t min_operands, max_operands;
  bool adds; /* takes the options of `add` */
  int (*run)(struct session *session, const struct feed_args *args, size_t n, char **operands);
} verbs[] = {
    {"add", 1, 1, true, add},
    {"list", 0, 0, false, list},
    {"show", 1, 1, false, show},
    {"remove", 1, 1, false, remove_feed},
    {"fetch", 0, SIZE_MAX, false, fetch},
};
#define VERB_COUNT (sizeof verbs / sizeof *verbs)

static int unknown_verb(const struct session *session, const char *name) {
  struct nearest near = nearest_start(name);
  for (size_t i = 0; i < VERB_COUNT; i++)
    nearest_offer(&near, verbs[i].name);
  return session_misuse(session,
                        "galley feed cannot %.40s; it is one of: add, list, show, remove, "
                        "fetch%s%s%s",
                        name, near.best != NULL ? " (did you mean " : "",
                        near.best != NULL ? near.best : "", near.best != NULL ? "?)" : "");
}

static int run(struct session *session, const void *values, size_t n, char **operands) {
  const struct feed_args *args = values;
  for (size_t i = 0; i < VERB_COUNT; i++) {
    const struct verb *verb = &verbs[i];
    if (strcmp(verb->name, operands[0]) != 0)
      continue;
    if (n - 1 < verb->min_operands || n - 1 > verb->max_operands)
      return session_misuse(session, "galley feed %s takes %s", verb->name,
                            verb->max_operands == 0 ? "no more words"
                            : verb->adds            ? "one URL"
                                                    : "one ID");
    if (!verb->adds && (args->title != NULL || args->language != NULL || args->market != NULL))
      return session_misuse(session, "--title, --language and --market go with galley feed add");
    if (args->all && verb->run != fetch)
      return session_misuse(session, "--all goes with galley feed fetch");
    return verb->run(session, args, n - 1, operands + 1);
  }
  return unknown_verb(session, operands[0]);
}

const struct command feed_command = {
    .name = "feed",
    .usage = "add URL | list | show ID | remove ID | fetch [ID...]",
    .about = "keep the list of feeds, and enqueue their collection",
    .details = "fetch enqueues a collect job for each feed that is due, for every active one with "
               "--all, or\n"
               "for those named. A feed whose collect job is still waiting gets no second one.\n"
               "\n"
               "Examples:\n"
               "  galley feed add https://www.example.org/feed.xml --language en\n"
               "  galley feed fetch               (for cron, every quarter of an hour)\n"
               "  galley feed fetch 3 4\n",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .args_size = sizeof(struct feed_args),
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .run = run,
};
