/*
 * refusal.h - the sentence that refuses what a person wrote, and quotes it.
 */
#ifndef REFUSAL_H
#define REFUSAL_H

/* Makes the sentence UTF-8, in place: what was not, or was torn where a quotation or the sentence
 * was cut, becomes one '?' for each broken character. */
void refusal_mend(char *sentence);

#endif
