#include "galley.h"

struct rc_row {
  const char *name;
  enum galley_class class;
  int status;
  const char *text;
};

static const struct rc_row rows[] = {
#define X(name, class, status, text) {#name, GALLEY_CLASS_##class, status, text},
    GALLEY_RC_TABLE(X)
#undef X
};

static const struct rc_row *row(enum galley_rc rc) {
  size_t i = (size_t)rc;
  return &rows[i < sizeof rows / sizeof rows[0] ? i : (size_t)GALLEY_INTERNAL];
}

const char *galley_rc_name(enum galley_rc rc) {
  return row(rc)->name;
}

const char *galley_rc_text(enum galley_rc rc) {
  return row(rc)->text;
}

enum galley_class galley_rc_class(enum galley_rc rc) {
  return row(rc)->class;
}

int galley_rc_exit(enum galley_rc rc) {
  return row(rc)->status;
}
