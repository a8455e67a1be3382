#include "feed_parse.h"

#include <stdlib.h>

void feed_content_fini(struct feed_content *content) {
  for (size_t i = 0; i < content->n_items; i++) {
    struct feed_item *item = &content->items[i];
    char *const owned[] = {item->guid,   item->url,      item->canonical_url,
                           item->title,  item->content,  item->summary,
                           item->author, item->language, item->keywords};
    for (size_t j = 0; j < sizeof owned / sizeof owned[0]; j++)
      free(owned[j]);
  }
  free(content->items);
  free(content->title);
  free(content->language);
  *content = (struct feed_content){0};
}
