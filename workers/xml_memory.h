/*
 * xml_memory.h - what libxml2 does not say: in many places it goes on without the memory that it
 * asked for, and what it gives back is a smaller document. So its allocations are watched.
 */
#ifndef XML_MEMORY_H
#define XML_MEMORY_H

/* How many allocations of libxml2 have failed since the first call, which begins the watch. To be
 * compared before and after a piece of work. */
unsigned long xml_memory_failures(void);

#endif
