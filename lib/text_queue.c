/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/text_queue.h"

void text_queue_put(struct text_queue *queue, const char *text, size_t length)
{
    if (length > queue->size - (queue->next - queue->first)) {
        queue->lost++;
        return;
    }
    for (size_t i = 0; i < length; i++)
        queue->text[queue->next++ & (queue->size - 1)] = text[i];
}

size_t text_queue_take_line(struct text_queue *queue, char *line, size_t size)
{
    size_t length = 0;
    while (length < size && !text_queue_empty(queue)) {
        char character = queue->text[queue->first++ & (queue->size - 1)];
        line[length++] = character;
        if (character == '\n')
            break;
    }
    return length;
}
