/*
 * sheet.h - one record for people: its fields one below the other, long texts at the end.
 */
#ifndef SHEET_H
#define SHEET_H

#include "galley.h"

#include <stdio.h>

/* Prints every field that has a value, under the name that people give it: "run at" for run_at_ms.
 * Texts of many lines follow as blocks. `width` is that of the terminal, at which lines are parted
 * at words; 0: they are not. */
void sheet_print(FILE *file, int width, const struct galley_record *record, const void *row);

#define SHEET_NAME_MAX 64
/* The name of a column without its unit, in words; cut where it has no room. */
void sheet_name(const char *column, char name[SHEET_NAME_MAX]);

#endif
