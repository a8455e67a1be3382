#include "url.h"

#include "strbuf.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define URL_MAX         8192 /* bytes */
#define PORT_DIGITS_MAX 5

/* Split by hand: libxml2's xmlParseURI refuses the spaces and the letters beyond ASCII that the
 * links of real feeds hold. */
struct part {
  const char *at;
  size_t len;
  bool present; /* "?" with nothing after it is present and empty */
};

/* RFC 3986, appendix B. */
struct url {
  struct part scheme, authority, path, query, fragment;
};

/* Parameters that name a campaign or a click, never a document. A '*' at the end stands for any
 * rest. */
static const char *const tracking[] = {
    "utm_*",   "mtm_*",    "pk_*",       "piwik_*",   "fbclid",      "gclid",      "gclsrc",
    "dclid",   "gbraid",   "wbraid",     "msclkid",   "yclid",       "ysclid",     "twclid",
    "ttclid",  "igshid",   "igsh",       "li_fat_id", "mc_cid",      "mc_eid",     "mkt_tok",
    "_ga",     "_gl",      "_hsenc",     "_hsmi",     "_openstat",   "oly_enc_id", "oly_anon_id",
    "vero_id", "wickedid", "rb_clickid", "at_medium", "at_campaign",
};

static struct part part_of(const char *at, size_t len) {
  return (struct part){.at = at, .len = len, .present = true};
}

static size_t scheme_length(const char *text) {
  size_t n = 0;
  if (!isalpha((unsigned char)text[0]))
    return 0;
  while (isalnum((unsigned char)text[n]) || (text[n] && strchr("+-.", text[n])))
    n++;
  return text[n] == ':' ? n : 0;
}

static struct url split(const char *text) {
  struct url url = {0};
  size_t n = scheme_length(text);
  if (n > 0) {
    url.scheme = part_of(text, n);
    text += n + 1;
  }
  if (text[0] == '/' && text[1] == '/') {
    n = strcspn(text + 2, "/?#");
    url.authority = part_of(text + 2, n);
    text += n + 2;
  }
  n = strcspn(text, "?#");
  url.path = part_of(text, n);
  text += n;
  if (*text == '?') {
    n = strcspn(text + 1, "#");
    url.query = part_of(text + 1, n);
    text += n + 1;
  }
  if (*text == '#')
    url.fragment = part_of(text + 1, strlen(text + 1));
  return url;
}

static bool part_is(struct part part, const char *word) {
  return part.present && part.len == strlen(word) && strncasecmp(part.at, word, part.len) == 0;
}

static bool is_web(struct part scheme) {
  return part_is(scheme, "http") || part_is(scheme, "https");
}

/* The host and the port within an authority; false when it is not one that a client would take. */
static bool split_authority(struct part authority, struct part *host, struct part *port) {
  const char *at = authority.at;
  const char *end = at + authority.len;
  for (const char *c = at; c < end; c++) {
    if (*c == '@')
      at = c + 1;
    /* Programs disagree about where a host with such a character ends. */
    if ((unsigned char)*c <= 0x20 || *c == 0x7F || strchr("\\\"<>^`{|}%", *c))
      return false;
  }
  const char *stop = at;
  if (stop < end && *stop == '[') {
    stop = memchr(at, ']', (size_t)(end - at));
    if (!stop)
      return false;
    stop++;
  } else {
    while (stop < end && *stop != ':')
      stop++;
  }
  *host = part_of(at, (size_t)(stop - at));
  *port = (struct part){0};
  if (stop < end) {
    if (*stop != ':')
      return false;
    *port = part_of(stop + 1, (size_t)(end - stop - 1));
    if (port->len > PORT_DIGITS_MAX)
      return false;
    for (size_t i = 0; i < port->len; i++)
      if (!isdigit((unsigned char)port->at[i]))
        return false;
  }
  return host->len > 0;
}

/* White space around is not part of a link, nor are the tabs and line ends that feeds fold it with;
 * what a URL may not hold is escaped, after its host. NULL without memory or when it is too long.
 */
static char *tidy(const char *text) {
  struct strbuf out = {0};
  while (isspace((unsigned char)*text))
    text++;
  size_t len = strlen(text);
  while (len > 0 && isspace((unsigned char)text[len - 1]))
    len--;
  size_t scheme = scheme_length(text);
  size_t slashes = scheme > 0 ? scheme + 1 : 0;
  size_t path = strncmp(text + slashes, "//", 2) == 0
                    ? slashes + 2 + strcspn(text + slashes + 2, "/?#")
                    : slashes;
  for (size_t i = 0; i < len && out.len <= URL_MAX; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c == '\t' || c == '\n' || c == '\r')
      continue;
    if (i >= path && (c <= 0x20 || c >= 0x7F || strchr("\"<>\\^`{|}", c)))
      strbuf_printf(&out, "%%%02X", c);
    else
      strbuf_putc(&out, (char)c);
  }
  if (out.len > URL_MAX) {
    strbuf_fini(&out);
    return NULL;
  }
  return strbuf_take(&out);
}

/* Goes back to before the last segment. */
static void drop_segment(struct strbuf *out, size_t start) {
  size_t len = out->len;
  while (len > start && out->data[len - 1] != '/')
    len--;
  if (len > start)
    len--;
  strbuf_truncate(out, len);
}

/* RFC 3986, section 5.2.4, for a path that begins with '/'. */
static void add_path(struct strbuf *out, const char *path, size_t len) {
  size_t start = out->len;
  for (size_t at = 0; at < len;) {
    size_t end = at + 1;
    while (end < len && path[end] != '/')
      end++;
    size_t n = end - at; /* a segment with its slash in front */
    bool last = end == len;
    if (n == 2 && path[at + 1] == '.') {
      if (last)
        strbuf_putc(out, '/');
    } else if (n == 3 && path[at + 1] == '.' && path[at + 2] == '.') {
      drop_segment(out, start);
      if (last)
        strbuf_putc(out, '/');
    } else {
      strbuf_add(out, path + at, n);
    }
    at = end;
  }
}

static void add_part(struct strbuf *out, const char *mark, struct part part) {
  if (!part.present)
    return;
  strbuf_puts(out, mark);
  strbuf_add(out, part.at, part.len);
}

/* The path of a reference that has one of its own, put behind the folder of the base. */
static void merge_path(struct strbuf *merged, struct part base, struct part reference) {
  if (reference.at[0] != '/') {
    size_t folder = base.len;
    while (folder > 0 && base.at[folder - 1] != '/')
      folder--;
    if (folder > 0)
      strbuf_add(merged, base.at, folder);
    else
      strbuf_putc(merged, '/');
  }
  strbuf_add(merged, reference.at, reference.len);
}

/* RFC 3986, section 5.2.2. */
static struct url transform(const struct url *base, const struct url *reference,
                            struct strbuf *merged) {
  struct url target = *reference;
  if (reference->scheme.present)
    return target;
  target.scheme = base->scheme;
  if (reference->authority.present)
    return target;
  target.authority = base->authority;
  if (reference->path.len == 0) {
    target.path = base->path;
    if (!reference->query.present)
      target.query = base->query;
    return target;
  }
  merge_path(merged, base->path, reference->path);
  if (!merged->failed)
    target.path = part_of(merged->data, merged->len);
  return target;
}

static char *compose(const struct url *url) {
  struct strbuf out = {0};
  struct part host, port;
  if (!is_web(url->scheme) || !url->authority.present ||
      !split_authority(url->authority, &host, &port))
    return NULL;
  strbuf_add(&out, url->scheme.at, url->scheme.len);
  add_part(&out, "://", url->authority);
  add_path(&out, url->path.at, url->path.len);
  add_part(&out, "?", url->query);
  add_part(&out, "#", url->fragment);
  if (out.len + (url->path.len == 0) > URL_MAX) { /* room for the canonical form's path */
    strbuf_fini(&out);
    return NULL;
  }
  return strbuf_take(&out);
}

char *url_resolve(const char *base, const char *reference) {
  char *tidy_base = tidy(base ? base : "");
  char *tidy_reference = tidy(reference);
  struct strbuf merged = {0};
  char *resolved = NULL;
  if (tidy_base && tidy_reference) {
    struct url from = split(tidy_base);
    struct url to = split(tidy_reference);
    struct url target = transform(&from, &to, &merged);
    if (!merged.failed)
      resolved = compose(&target);
  }
  strbuf_fini(&merged);
  free(tidy_base);
  free(tidy_reference);
  return resolved;
}

static void add_lower(struct strbuf *out, struct part part) {
  for (size_t i = 0; i < part.len; i++)
    strbuf_putc(out, (char)tolower((unsigned char)part.at[i]));
}

static bool is_tracking(const char *parameter, size_t len) {
  const char *equals = memchr(parameter, '=', len);
  size_t name_len = equals ? (size_t)(equals - parameter) : len;
  for (size_t i = 0; i < sizeof tracking / sizeof tracking[0]; i++) {
    size_t n = strlen(tracking[i]);
    bool prefix = tracking[i][n - 1] == '*';
    n -= prefix;
    if ((prefix ? name_len >= n : name_len == n) && strncasecmp(parameter, tracking[i], n) == 0)
      return true;
  }
  return false;
}

static void add_query(struct strbuf *out, struct part query) {
  char mark = '?';
  for (size_t at = 0; at < query.len;) {
    const char *stop = memchr(query.at + at, '&', query.len - at);
    size_t len = stop ? (size_t)(stop - query.at) - at : query.len - at;
    if (len > 0 && !is_tracking(query.at + at, len)) {
      strbuf_putc(out, mark);
      strbuf_add(out, query.at + at, len);
      mark = '&';
    }
    at += len + 1;
  }
}

static bool is_default_port(struct part scheme, struct part port) {
  return !port.present || port.len == 0 || part_is(port, part_is(scheme, "https") ? "443" : "80");
}

char *url_canonical(const char *text) {
  char *tidied = tidy(text);
  if (!tidied)
    return NULL;
  struct url url = split(tidied);
  struct part host, port;
  struct strbuf out = {0};
  char *canonical = NULL;
  if (is_web(url.scheme) && url.authority.present && split_authority(url.authority, &host, &port)) {
    add_lower(&out, url.scheme);
    strbuf_puts(&out, "://");
    strbuf_add(&out, url.authority.at, (size_t)(host.at - url.authority.at));
    add_lower(&out, host);
    if (!is_default_port(url.scheme, port))
      add_part(&out, ":", port);
    if (url.path.len == 0)
      strbuf_putc(&out, '/');
    strbuf_add(&out, url.path.at, url.path.len);
    add_query(&out, url.query);
    if (out.len <= URL_MAX) /* the slash of an empty path may be too much */
      canonical = strbuf_take(&out);
    strbuf_fini(&out);
  }
  free(tidied);
  return canonical;
}

char *url_host(const char *text) {
  char *tidied = tidy(text);
  if (!tidied)
    return NULL;
  struct url url = split(tidied);
  struct part host, port;
  struct strbuf out = {0};
  char *name = NULL;
  if (url.scheme.present && url.authority.present && split_authority(url.authority, &host, &port)) {
    add_lower(&out, host);
    name = strbuf_take(&out);
  }
  free(tidied);
  return name;
}
