#include "fold.h"
#include "output.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define HANGING 4 /* further indent of what follows the first line of an indented one */

int fold_width(void) {
  int columns = output_columns();
  if (columns == 0)
    return FOLD_WIDTH;
  if (columns < FOLD_WIDTH_MIN)
    return FOLD_WIDTH_MIN;
  return columns < FOLD_WIDTH_MAX ? columns : FOLD_WIDTH_MAX;
}

/* Wide punctuation that belongs to what stands before it. */
static bool closes(utf8proc_int32_t c) {
  static const utf8proc_int32_t characters[] = {0x3001, 0x3002, 0x300D, 0x300F, 0x3011, 0x30FC,
                                                0xFF01, 0xFF09, 0xFF0C, 0xFF0E, 0xFF1A, 0xFF1F};
  for (size_t i = 0; i < sizeof characters / sizeof *characters; i++)
    if (characters[i] == c)
      return true;
  return false;
}

/* Bytes of the next piece that stays on one line, at least one; *columns is what it takes. The text
 * is UTF-8. */
static size_t next_piece(const char *text, int *columns) {
  size_t len = 0;
  bool wide = false;
  *columns = 0;
  while (text[len] != '\0' && text[len] != ' ') {
    utf8proc_int32_t c;
    utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)text + len, -1, &c);
    if (used <= 0)
      return len + 1;
    int width = utf8proc_charwidth(c);
    if (len > 0 && (wide || width == 2) && width > 0 && !closes(c))
      break;
    wide = width == 2;
    *columns += width;
    len += (size_t)used;
  }
  return len;
}

static void print_safe(FILE *file, const struct fold *fold, const char *text) {
  int column = fold->start;
  bool begun = false; /* something stands on this line */
  for (;;) {
    int spaces = (int)strspn(text, " "), width;
    text += spaces;
    if (*text == '\0')
      break;
    size_t len = next_piece(text, &width);
    if (begun && fold->width > 0 && column + spaces + width > fold->width) {
      fprintf(file, "\n%*s", fold->indent, "");
      column = fold->indent;
    } else {
      fprintf(file, "%*s", spaces, "");
      column += spaces;
    }
    fwrite(text, 1, len, file);
    column += width;
    text += len;
    begun = true;
  }
  fputc('\n', file);
}

void fold_text(FILE *file, const struct fold *fold, const char *text) {
  char *safe = output_text_cut(text, INT32_MAX);
  print_safe(file, fold, safe != NULL ? safe : "");
  free(safe);
}

static void print_line(FILE *file, int width, const char *line, size_t len, int hanging) {
  char *copy = strndup(line, len);
  int indent = (int)strspn(line, " ");
  struct fold fold = {.width = width, .indent = indent > 0 ? indent + hanging : 0};
  fold_text(file, &fold, copy != NULL ? copy : "");
  free(copy);
}

void fold_lines(FILE *file, int width, const char *text) {
  while (*text != '\0') {
    size_t len = strcspn(text, "\n");
    print_line(file, width, text, len, 0);
    text += len + (text[len] == '\n');
  }
}

static bool begins_paragraph(const char *line) {
  return line[0] == ' ' || line[0] == '\n' || line[0] == '\0';
}

void fold_page(FILE *file, int width, const char *text) {
  char *copy = strdup(text);
  for (char *at = copy; at != NULL && *at != '\0';) {
    size_t len = strcspn(at, "\n");
    bool joins = !begins_paragraph(at);
    while (joins && at[len] == '\n' && !begins_paragraph(at + len + 1)) {
      at[len] = ' ';
      len += strcspn(at + len, "\n");
    }
    print_line(file, width, at, len, HANGING);
    at += len + (at[len] == '\n');
  }
  free(copy);
}
