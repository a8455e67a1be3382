/*
 * fold.h - text for people, parted into lines at words so that a terminal need not part it inside
 * them. A word that is wider than a whole line stays whole. Between wide characters, which set no
 * spaces, a line may end too, but not in front of their punctuation.
 */
#ifndef FOLD_H
#define FOLD_H

#include <stdio.h>

#define FOLD_WIDTH_MIN 40
#define FOLD_WIDTH_MAX 100
#define FOLD_WIDTH     80 /* of help that does not go to a terminal */

/* Columns for a text of our own, as help: those of the terminal within the bounds above. */
int fold_width(void);

struct fold {
  int width;  /* columns of a line; 0: lines are not parted */
  int start;  /* the column in which the cursor stands */
  int indent; /* of the second and later lines */
};

/* Prints a text as one paragraph that ends with its line. Control characters become harmless, and
 * no line ends with a space. Without memory the text ends early. */
void fold_text(FILE *file, const struct fold *fold, const char *text);
/* Prints a text of several lines: each is a paragraph with its own indent. */
void fold_lines(FILE *file, int width, const char *text);
/* Prints a text of our own, whose lines are joined to paragraphs first: a paragraph ends before an
 * empty line and before one that begins with a space, which stands by itself. */
void fold_page(FILE *file, int width, const char *text);

#endif
