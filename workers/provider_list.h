/*
 * provider_list.h - every provider there is. A new one is declared here and listed in provider.c.
 */
#ifndef PROVIDER_LIST_H
#define PROVIDER_LIST_H

#include "provider.h"

extern const struct provider provider_feed;
extern const struct provider provider_research_embedded;
extern const struct provider provider_write_embedded;
extern const struct provider provider_folder;

#endif
