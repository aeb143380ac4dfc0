/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/columns.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELL_MAX 160
#define INDENT 2
#define GAP 2

struct layout {
    size_t width[COLUMNS_MAX];
    bool shown[COLUMNS_MAX];
};

void columns_begin(struct columns *table, const struct column *column, u32 count)
{
    *table = (struct columns){.column = column, .count = count};
}

void columns_cell(struct columns *table, const char *fmt, ...)
{
    char cell[CELL_MAX];
    struct text visible = {0};
    va_list arguments;
    va_start(arguments, fmt);
    vsnprintf(cell, sizeof(cell), fmt, arguments);
    va_end(arguments);
    text_visible(&visible, cell);
    text_add(&visible, "");
    table->cells = array_grow(table->cells, table->rows, sizeof(*table->cells));
    table->cells[table->rows++] = visible.data;
}

static size_t total(const struct columns *table, const struct layout *layout)
{
    size_t width = INDENT - GAP;
    for (u32 i = 0; i < table->count; i++)
        width += layout->shown[i] ? layout->width[i] + GAP : 0;
    return width;
}

/* Leaves out the shown columns that matter least; false if all have to stay. */
static bool leave_out(const struct columns *table, struct layout *layout)
{
    u8 least = 255;
    for (u32 i = 0; i < table->count; i++)
        if (layout->shown[i] && table->column[i].important < least)
            least = table->column[i].important;
    for (u32 i = 0; i < table->count && least < 255; i++)
        layout->shown[i] &= table->column[i].important != least;
    return least < 255;
}

static bool says_nothing(const struct columns *table, u32 column)
{
    for (u32 i = column; i < table->rows; i += table->count)
        if (strcmp(table->cells[i], "-") != 0)
            return false;
    return true;
}

/* It says nothing, nor do those that go with it. */
static bool is_empty(const struct columns *table, u32 column)
{
    u8 important = table->column[column].important;
    for (u32 i = 0; i < table->count; i++)
        if (table->column[i].important == important && !says_nothing(table, i))
            return false;
    return important < 255;
}

static void lay_out(const struct columns *table, struct layout *layout, u32 width)
{
    for (u32 i = 0; i < table->count; i++) {
        layout->shown[i] = !is_empty(table, i);
        layout->width[i] = strlen(table->column[i].title);
    }
    for (u32 i = 0; i < table->rows; i++) {
        size_t size = strlen(table->cells[i]);
        if (size > layout->width[i % table->count])
            layout->width[i % table->count] = size;
    }
    while (width && total(table, layout) > width && leave_out(table, layout))
        ;
}

static void put_cell(struct text *line, const struct column *column, size_t width, const char *cell)
{
    text_format(line, column->left ? "%*s%-*s" : "%*s%*s", line->used ? GAP : INDENT, "", (int)width, cell);
}

static void put_line(const struct columns *table, const struct layout *layout, struct text *text, char *const *cells)
{
    struct text line = {0};
    for (u32 i = 0; i < table->count; i++)
        if (layout->shown[i])
            put_cell(&line, &table->column[i], layout->width[i], cells ? cells[i] : table->column[i].title);
    while (line.used && line.data[line.used - 1] == ' ')
        line.used--;
    text_bytes(text, text_string(&line), line.used);
    text_add(text, "\n");
    text_free(&line);
}

void columns_end(struct columns *table, struct text *text, u32 width)
{
    struct layout layout;
    lay_out(table, &layout, width);
    put_line(table, &layout, text, NULL);
    for (u32 i = 0; i + table->count <= table->rows; i += table->count)
        put_line(table, &layout, text, table->cells + i);
    for (u32 i = 0; i < table->rows; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct columns){0};
}
