/* SPDX-License-Identifier: BSD-2-Clause */
/* What an exit costs a workload, as text and as JSON. */
#include "host/columns.h"
#include "host/delays.h"
#include "host/json_write.h"
#include "host/outputs.h"

static double part_of(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

/* ---- text ---- */

static void write_runs(struct text *out, const struct delays *d, u32 width)
{
    static const struct column columns[] = {{"run", true, 255},    {"exit-delay", false, 255}, {"exits", false, 200},
                                            {"ticks", false, 255}, {"in Exeunt", false, 100},  {"avoided", false, 50}};
    struct columns table;
    columns_begin(&table, columns, 6);
    for (u32 i = 0; i < d->run_count; i++) {
        const struct moment *at = &d->lines[0].at[i];
        columns_cell(&table, "%s", d->runs[i].view->all->log->name);
        columns_cell(&table, "%lu", d->runs[i].delay);
        columns_cell(&table, "%lu", at->exits);
        columns_cell(&table, "%lu", moment_ticks(at));
        columns_cell(&table, "%lu", at->tsc_vmm);
        columns_cell(&table, "%lu", at->avoided);
    }
    columns_end(&table, out, width);
}

static void sentence(struct text *out, struct text *words, u32 width)
{
    wrapped(out, "", 2, width, text_string(words));
    text_free(words);
}

static void write_words(struct text *out, const struct delays *d, u32 width)
{
    const struct delay_line *all = &d->lines[0];
    double exits = delays_exits(d, all);
    u64 ticks = moment_ticks(&all->at[0]);
    struct text words = {0};
    text_add(out, "\n");
    text_format(&words, "1000 ticks more in each exit make this run %.2f %% longer.", delays_per_1000(all));
    sentence(out, &words, width);
    text_format(&words,
                "Of its exits, %.0f in the mean of the runs, the time of %.0f (%.1f %%) is felt; that of the others "
                "passes while the guest waits anyway.",
                exits, all->felt, part_of(all->felt, exits));
    sentence(out, &words, width);
    text_format(&words, "At most %.0f ticks, %.2f %% of the run, would be gained if Exeunt took no time for them.",
                delays_cost(d, all), part_of(delays_cost(d, all), (double)ticks));
    sentence(out, &words, width);
    if (d->run_count > 2)
        text_format(&words, "The runs are off a straight line by at most %.0f ticks, %.2f %% of the run.", all->off,
                    part_of(all->off, (double)ticks));
    else
        text_add(&words, "Two runs are always on a straight line: only a third shows whether there is one.");
    sentence(out, &words, width);
}

static void line_row(struct columns *table, const struct delays *d, const struct delay_line *line)
{
    const struct moment *first = &line->at[0], *last = &line->at[d->run_count - 1];
    u64 ticks = moment_ticks(first);
    columns_cell(table, "%s", line->name);
    columns_cell(table, "%lu", first->exits);
    columns_cell(table, "%lu", last->exits);
    columns_cell(table, "%lu", ticks);
    columns_cell(table, "%lu", moment_ticks(last));
    columns_cell(table, "%.0f", line->felt);
    columns_cell(table, "%.1f", part_of(line->felt, delays_exits(d, line)));
    columns_cell(table, "%.2f", delays_per_1000(line));
    columns_cell(table, "%.2f", part_of(delays_cost(d, line), (double)ticks));
    columns_cell(table, "%.2f", part_of(line->off, (double)ticks));
}

static void write_lines(struct text *out, const struct delays *d, u32 width)
{
    static const struct column columns[] = {
        {"phase", true, 255},       {"exits", false, 100}, {"most delay", false, 90},  {"ticks", false, 110},
        {"most delay", false, 105}, {"felt", false, 120},  {"% of exits", false, 150}, {"+1000: %", false, 255},
        {"cost < %", false, 130},   {"off %", false, 80}};
    struct columns table;
    struct text words = {0};
    text_format(&words, "Phases, with exit-delay=%lu and, in the columns 'most delay', %lu", d->runs[0].delay,
                d->runs[d->run_count - 1].delay);
    text_add(out, "\n");
    wrapped(out, "", 0, width, text_string(&words));
    text_free(&words);
    columns_begin(&table, columns, 10);
    for (u32 i = 0; i < d->line_count; i++)
        line_row(&table, d, &d->lines[i]);
    columns_end(&table, out, width);
}

void delays_write(struct text *out, const struct delays *d, const struct terminal *terminal)
{
    text_add(out, "What an exit costs this workload\n\n");
    write_runs(out, d, terminal->width);
    write_words(out, d, terminal->width);
    write_lines(out, d, terminal->width);
    text_add(out, "\n");
    wrapped(
        out, "Assumed: ", 11, terminal->width,
        "the runs differ in nothing but exit-delay=, and do the same work. What the hardware takes for an exit and an "
        "entry is in none of these ticks: it costs as much as so many ticks more. docs/REPORTS.md says more.");
}

/* ---- JSON ---- */

static void json_decimal(struct text *out, const char *name, double value, int digits)
{
    json_name(out, name);
    text_format(out, "%.*f", digits, value);
}

static void json_moments(struct text *out, const struct delays *d, const struct delay_line *line)
{
    json_name(out, "runs");
    text_add(out, "[");
    for (u32 i = 0; i < d->run_count; i++) {
        text_add(out, i ? ",{" : "{");
        json_number(out, "exits", line->at[i].exits);
        json_number(out, "avoided", line->at[i].avoided);
        json_number(out, "tsc_vmm", line->at[i].tsc_vmm);
        json_number(out, "tsc_guest", line->at[i].tsc_guest);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void json_line(struct text *out, const struct delays *d, const struct delay_line *line)
{
    u64 ticks = moment_ticks(&line->at[0]);
    json_string(out, "name", line->name);
    json_decimal(out, "felt_exits", line->felt, 1);
    json_decimal(out, "felt_pct", part_of(line->felt, delays_exits(d, line)), 2);
    json_decimal(out, "per_1000_pct", delays_per_1000(line), 4);
    json_decimal(out, "cost_ticks", delays_cost(d, line), 0);
    json_decimal(out, "cost_pct", part_of(delays_cost(d, line), (double)ticks), 4);
    json_decimal(out, "off_ticks", line->off, 0);
    json_moments(out, d, line);
}

void delays_json(struct text *out, const struct delays *d)
{
    text_add(out, "{");
    json_open_list(out, "runs");
    for (u32 i = 0; i < d->run_count; i++) {
        json_element(out);
        text_add(out, "{");
        json_string(out, "file", d->runs[i].view->all->log->name);
        json_number(out, "report", d->runs[i].view->report->number);
        json_number(out, "exit_delay", d->runs[i].delay);
        text_add(out, "}");
    }
    text_add(out, "]");
    json_open_list(out, "phases");
    for (u32 i = 0; i < d->line_count; i++) {
        json_element(out);
        text_add(out, "{");
        json_line(out, d, &d->lines[i]);
        text_add(out, "}");
    }
    text_add(out, "]}\n");
}
