/*
 * feed_encoding.h - the bytes of a feed as UTF-8. Asked in this order: byte order mark, the charset
 * of the content type, the XML declaration; else UTF-8. Bytes that are not UTF-8 are read as
 * windows-1252, which is what they nearly always are.
 */
#ifndef FEED_ENCODING_H
#define FEED_ENCODING_H

#include "feed_parse.h"
#include "strbuf.h"

/* Adds the source to `out` as valid UTF-8 without control characters other than white space.
 * *damaged becomes true when bytes had to be guessed or left out, and is not touched otherwise.
 * Without memory out->failed is set. */
void feed_encoding_decode(const struct feed_source *source, struct strbuf *out, bool *damaged);

/* The character that windows-1252 has at 0x80..0x9F, which is also what a reference to one of these
 * control characters means on the web; 0 for the five places without one. */
int32_t feed_encoding_western(int32_t code);

/* Adds one character. */
void feed_encoding_put(struct strbuf *out, int32_t character);

#endif
