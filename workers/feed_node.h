/*
 * feed_node.h - what the elements of RSS and Atom mean: well-formed XML in, slots of a draft out.
 * libxml2 is used without network, entities, DTDs or its limits raised.
 */
#ifndef FEED_NODE_H
#define FEED_NODE_H

#include "feed_draft.h"

struct feed_node_reader {
  struct _xmlParserCtxt *parser;
  const char *url; /* of the feed; borrowed */
  enum feed_format format;
  bool damaged; /* something read so far was not well-formed */
};

/* False without memory. */
bool feed_node_open(struct feed_node_reader *reader, const char *url, enum feed_format format);
void feed_node_close(struct feed_node_reader *reader);

/* Reads the first element called `name` of the document. False without memory. */
bool feed_node_read_item(struct feed_node_reader *reader, const char *xml, size_t len,
                         const char *name, struct feed_draft *draft);
/* Reads what the document says about the feed itself. False without memory. */
bool feed_node_read_head(struct feed_node_reader *reader, const char *xml, size_t len,
                         struct feed_content *content, struct feed_draft *draft);

#endif
