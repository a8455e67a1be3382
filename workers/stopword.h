/*
 * stopword.h - words that carry grammar and not subject, per language, with what they tell about
 * the words around them. Written folded: lower case, without diacritics, ß as ss.
 */
#ifndef STOPWORD_H
#define STOPWORD_H

#include <stdbool.h>
#include <stddef.h>

enum stopword_role {
  STOPWORD_NONE = 0,
  STOPWORD_PLAIN = 1,
  STOPWORD_OPENS = 2,  /* a noun phrase is likely to follow: articles, prepositions, possessives */
  STOPWORD_LEANS = 4,  /* as a sentence's first word it points back to the sentence before */
  STOPWORD_PERSON = 8, /* first or second person: the writer or the reader speaks */
};

struct stopword_list;
/* The list of a language tag; NULL when there is none, which every function here takes. */
const struct stopword_list *stopword_find(const char *language);

/* The roles of a folded word of len bytes, or-ed; STOPWORD_NONE when it is no stop word. A single
 * ASCII letter is always at least PLAIN. */
unsigned stopword_roles(const struct stopword_list *list, const char *word, size_t len);

/* The languages that have a list, two letters each, in a fixed order; NULL ends the array. */
extern const char *const stopword_languages[];

/* True when the list is in the order that the look-up relies on. */
bool stopword_sorted(const struct stopword_list *list);

#endif
