/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines that wait to be printed: a ring of bytes. A piece of text that does not fit is left out whole and counted.
 */
#ifndef LIB_TEXT_QUEUE_H
#define LIB_TEXT_QUEUE_H

#include "lib/types.h"

struct text_queue {
    char *text;
    u32 size;        /* of `text`: a power of two, or 0 */
    u32 first, next; /* free-running: the slot is the remainder by the size */
    u32 lost;        /* pieces left out */
};

static inline bool text_queue_empty(const struct text_queue *queue)
{
    return queue->first == queue->next;
}

void text_queue_put(struct text_queue *queue, const char *text, size_t length);

/* Takes the oldest bytes up to a line's end, at most `size`. Returns how many. */
size_t text_queue_take_line(struct text_queue *queue, char *line, size_t size);

#endif
