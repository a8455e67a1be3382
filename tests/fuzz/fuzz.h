/*
 * fuzz.h - what the fuzz targets share: their input cut into parts, and what must hold for every
 * text that galley makes. A property that does not hold ends the program, which is how libFuzzer
 * learns of it.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "galley.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entry, which each target defines. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_input {
  const char *at;
  size_t left;
};

struct fuzz_input fuzz_begin(const uint8_t *data, size_t size);
/* The next byte; 0 at the end. */
unsigned fuzz_byte(struct fuzz_input *input);
/* All up to `end` or to the end, which is used up too, NUL-terminated; in a block of its own, so
 * that reading past it is noticed. *len (may be NULL) counts zero bytes within. To be freed. */
char *fuzz_until(struct fuzz_input *input, char end, size_t *len);
/* The same for all that is left. */
char *fuzz_rest(struct fuzz_input *input, size_t *len);

/* A new database in memory, the same at each call. */
struct galley *fuzz_database(void);

bool fuzz_is_utf8(const char *text);
/* Bytes that are not UTF-8 become '?', in place. */
void fuzz_make_utf8(char *text);

/* At most `max` bytes of UTF-8; NULL is fine. */
void fuzz_check_text(const char *text, size_t max);
/* A sentence for a person: not empty, fewer than `size` bytes, UTF-8. */
void fuzz_check_sentence(const char *text, size_t size);
/* What reaches a terminal: UTF-8 without control characters and without those that turn the
 * direction of writing; those of `allowed` ("\n") may be there. */
void fuzz_check_harmless(const char *text, size_t len, const char *allowed);
/* Both are the same text, or both are NULL. */
void fuzz_check_same(const char *a, const char *b);

#endif
