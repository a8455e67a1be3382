#include "sqlite_race.h"

static int stand_in_gap(sqlite3_file *file, sqlite3_int64 at, void *page) {
  struct sqlite_race *race = (struct sqlite_race *)file->pMethods;
  if (!race->entered && at == 0 && !page) {
    race->entered = true;
    race->in_gap(race->arg);
  }
  return race->before->xUnfetch(file, at, page);
}

int sqlite_race_arm(struct sqlite_race *race, sqlite3 *h) {
  int rc = sqlite3_file_control(h, "main", SQLITE_FCNTL_FILE_POINTER, &race->file);
  if (rc != SQLITE_OK)
    return rc;
  race->before = race->file->pMethods;
  if (!race->before || race->before->iVersion < 3 || !race->before->xUnfetch)
    return SQLITE_NOTFOUND;
  race->methods = *race->before;
  race->methods.xUnfetch = stand_in_gap;
  race->entered = false;
  race->file->pMethods = &race->methods;
  return SQLITE_OK;
}

void sqlite_race_disarm(struct sqlite_race *race) {
  race->file->pMethods = race->before;
}
