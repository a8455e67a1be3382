/*
 * text.h - what the library itself needs to know about Unicode text. The public text rules are in
 * galley.h.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether all of it is UTF-8 (no surrogates, nothing overlong, nothing past U+10FFFF). */
bool text_valid(const char *text);
/* Decodes one character at `text`, which may not be the end; returns its bytes. A byte that is not
 * UTF-8 is one character, -1. */
size_t text_next(const char *text, int32_t *character);

enum text_class { TEXT_OTHER, TEXT_LETTER /* or number */, TEXT_MARK, TEXT_SPACE /* or control */ };
enum text_class text_classify(int32_t character);

#endif
