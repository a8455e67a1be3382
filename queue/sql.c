#include "record.h"

#define SQL_ROW(name, index, text) {#name, index, text},

const struct sql_row sql_table[SQL_COUNT] = {SQL_ALL(SQL_ROW)};
