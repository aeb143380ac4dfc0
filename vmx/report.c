/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/report.h"

#include "lib/format.h"
#include "lib/string.h"
#include "vmx/printer.h"
#include "vmx/report_details.h"
#include "vmx/report_sites.h"

#define CELL_MAX 40
#define LINES_MAX (ROW_COUNT + 2)

/* Not on the stack, which is small; one CPU prints at a time. */
static struct printer printer;

/* ---- the table ---- */

/* A line of the table before it is text. */
struct line {
    const char *name;
    u32 row;
    const struct tally *tally;
    u64 avoided, hits;
    bool is_exit; /* else a span of time: TIMEINGUEST, Exeunt's own */
};

struct table {
    u32 count;
    struct line lines[LINES_MAX];
    u64 total; /* TSC ticks in all lines */
    bool timed, cached;
};

/* By time, then by count; equal ones stay in the order of their numbers. */
static bool before(const struct line *a, const struct line *b)
{
    if (a->tally->sum != b->tally->sum)
        return a->tally->sum > b->tally->sum;
    return a->tally->count > b->tally->count;
}

static void insert(struct table *table, struct line line)
{
    u32 at = table->count++;
    for (; at > 0 && before(&line, &table->lines[at - 1]); at--)
        table->lines[at] = table->lines[at - 1];
    table->lines[at] = line;
}

static void table_build(struct table *table, const struct report_input *input)
{
    const struct exit_statistics *s = input->statistics;

    table->count = 0;
    table->timed = s->timed;
    table->cached = input->cache;
    table->total = statistics_totals(s, input->tsc).tsc_total;
    for (u32 row = 0; row < ROW_COUNT; row++)
        if (s->rows[row].count || s->avoided[row])
            insert(table, (struct line){
                              .name = exit_row_name((enum exit_row)row),
                              .row = row,
                              .tally = &s->rows[row],
                              .avoided = s->avoided[row],
                              .hits = s->hits[row],
                              .is_exit = row != ROW_EXEUNT,
                          });
    table->lines[table->count++] = (struct line){.name = "TIMEINGUEST", .tally = &s->guest};
}

static void decimal_cell(char cell[CELL_MAX], bool there, struct decimal value)
{
    if (there)
        format(cell, CELL_MAX, "%lu.%0*u", value.whole, (int)value.digits, value.fraction);
    else
        format(cell, CELL_MAX, "-");
}

static void number_cell(char cell[CELL_MAX], bool there, u64 value)
{
    if (there)
        format(cell, CELL_MAX, "%lu", value);
    else
        format(cell, CELL_MAX, "-");
}

static void say_line(struct printer *p, const struct table *table, const struct line *line, int width)
{
    const struct tally *t = line->tally;
    bool timed = table->timed && t->count;
    char min[CELL_MAX], max[CELL_MAX], sum[CELL_MAX], average[CELL_MAX], deviation[CELL_MAX], percent[CELL_MAX];
    char avoided[CELL_MAX], hits[CELL_MAX];

    number_cell(min, timed, t->min);
    number_cell(max, timed, t->max);
    number_cell(sum, timed, t->sum);
    decimal_cell(average, timed, tally_average(t));
    decimal_cell(deviation, timed, tally_deviation(t));
    decimal_cell(percent, timed, decimal_percent(t->sum, table->total));
    number_cell(avoided, line->is_exit, line->avoided);
    decimal_cell(hits, line->is_exit && table->cached && t->count, decimal_percent(line->hits, t->count));
    say(p, "%*s: %9lu %7s %9s %13s %14s %12s %6s %9s %6s", width, line->name, t->count, min, max, sum, average,
        deviation, percent, avoided, hits);
}

/* Of the distribution of each line's times. */
static const u8 percents[] = {50, 90, 99};

static void say_distribution(struct printer *p, const struct line *line, int width)
{
    u64 at[COUNT_OF(percents)];
    if (!tally_is_spread(line->tally))
        return;
    for (u32 i = 0; i < COUNT_OF(percents); i++)
        at[i] = tally_percentile(line->tally, percents[i]);
    say(p, "%*s: %9lu %9lu %9lu %9lu %9lu", width, line->name, line->tally->min, at[0], at[1], at[2], line->tally->max);
}

static void say_distributions(struct printer *p, const struct table *table, int width)
{
    if (!table->timed)
        return;
    say(p, "%*s  %9s %9s %9s %9s %9s", width, "at most", "min", "50 %", "90 %", "99 %", "max");
    for (u32 i = 0; i < table->count; i++)
        say_distribution(p, &table->lines[i], width);
}

static void say_table(struct printer *p, const struct table *table)
{
    int width = 0;
    for (u32 i = 0; i < table->count; i++)
        width = (int)max_u64((u64)width, strlen(table->lines[i].name));

    if (table->timed)
        say(p, "sum of time %lu cycles", table->total);
    else
        say(p, "no times: timing=off");
    say(p, "%*s  %9s %7s %9s %13s %14s %12s %6s %9s %6s", width, "type", "count", "min", "max", "sum", "avg", "stddev",
        "%", "avoided", "hit%");
    for (u32 i = 0; i < table->count; i++)
        say_line(p, table, &table->lines[i], width);
    say_distributions(p, table, width);
}

/* TIMEINGUEST and Exeunt's own time are type `time`, so that the `exit` lines add up to `exits`. */
static void json_line(struct printer *p, const struct table *table, const struct line *line)
{
    const char *type = line->is_exit ? "exit" : "time";
    const struct tally *t = line->tally;
    struct json *json = open_json(p, type);

    json_string(json, "name", line->name);
    json_u64(json, "count", t->count);
    if (table->timed && t->count) {
        json_u64(json, "min", t->min);
        json_u64(json, "max", t->max);
        json_u64(json, "sum", t->sum);
        json_decimal(json, "avg", tally_average(t));
        json_decimal(json, "stddev", tally_deviation(t));
        json_decimal(json, "pct", decimal_percent(t->sum, table->total));
    }
    for (u32 i = 0; i < COUNT_OF(percents) && table->timed && tally_is_spread(t); i++) {
        char member[4];
        format(member, sizeof(member), "p%u", percents[i]);
        json_u64(json, member, tally_percentile(t, percents[i]));
    }
    if (line->is_exit) {
        json_u64(json, "avoided", line->avoided);
        json_u64(json, "hits", line->hits);
    }
    close_json(p, type);
}

/* ---- totals ---- */

static void say_totals(struct printer *p, const struct report_input *input, const struct exit_totals *totals)
{
    if (input->cause)
        say(p, "exit report at the guest's end: %s", input->cause);
    else
        say(p, "exit report");
    say(p, "%lu exits, %lu avoided, engine=%s%s%s", totals->exits, totals->avoided, input->engine,
        input->trap ? " trap=" : "", input->trap ? input->trap : "");
}

static void json_totals(struct printer *p, const struct report_input *input, const struct exit_totals *totals)
{
    struct json *json = open_json(p, "summary");

    json_u64(json, "exits", totals->exits);
    json_u64(json, "avoided", totals->avoided);
    if (input->statistics->timed) {
        json_u64(json, "tsc_total", totals->tsc_total);
        json_u64(json, "tsc_guest", totals->tsc_guest);
        json_u64(json, "tsc_vmm", totals->tsc_exeunt);
    }
    json_string(json, "engine", input->engine);
    if (input->trap)
        json_string(json, "trap", input->trap);
    json_bool(json, "timing", input->statistics->timed);
    close_json(p, "summary");
}

/* ---- cache, EPT, memory (SPEC 8.3) ---- */

static void say_memory(struct printer *p, const struct report_input *input)
{
    const struct cache_figures *cache = input->cache;
    const struct ept_counts *ept = input->ept;
    const struct page_pool *pool = input->pool;

    if (cache) {
        say(p, "cache: %lu entries, %lu bytes, %lu hits, %lu misses", cache->entries, cache->bytes, cache->hits,
            cache->misses);
        say(p, "invalidations: %lu by write, %lu by remap, %lu by eviction", cache->invalidations_write,
            cache->invalidations_remap, cache->invalidations_eviction);
        say(p, "code pages: %lu demoted to comparison, %lu trusted again, %lu compared now; %lu differences",
            cache->pages_demoted, cache->pages_trusted, cache->pages_compared, cache->differences);
        if (cache->unannounced)
            say(p, "a device wrote code %lu times without a CPU's store: coherence=bytes from then on",
                cache->unannounced);
    } else {
        say(p, "no cache: engine=%s", input->engine);
    }
    say(p, "ept: %lu splits, %lu joins, %lu pages mapped on demand, %lu recycled, %u read-only", ept->splits,
        ept->joins, ept->mapped_on_demand, ept->recycled, ept->read_only_pages);
    say(p, "memory: %lu KiB owned; page pool: %u of %u used, %u at most", input->memory_owned >> 10, pool->used,
        pool->pages, pool->peak);
}

static void json_memory(struct printer *p, const struct report_input *input, const struct site_list *sites)
{
    static const struct cache_figures none;
    const struct cache_figures *cache = input->cache ? input->cache : &none;
    const struct ept_counts *ept = input->ept;
    const struct page_pool *pool = input->pool;
    struct json *json = open_json(p, "cache");

    json_string(json, "engine", input->engine);
    json_u64(json, "entries", cache->entries);
    json_u64(json, "bytes", cache->bytes);
    json_u64(json, "hits", cache->hits);
    json_u64(json, "misses", cache->misses);
    json_u64(json, "invalidations_write", cache->invalidations_write);
    json_u64(json, "invalidations_remap", cache->invalidations_remap);
    json_u64(json, "invalidations_eviction", cache->invalidations_eviction);
    json_u64(json, "pages_demoted", cache->pages_demoted);
    json_u64(json, "pages_trusted", cache->pages_trusted);
    json_u64(json, "pages_compared", cache->pages_compared);
    json_u64(json, "differences", cache->differences);
    json_u64(json, "unannounced", cache->unannounced);
    json_u64(json, "pages_read_only", ept->read_only_pages);
    json_u64(json, "ept_splits", ept->splits);
    json_u64(json, "ept_joins", ept->joins);
    json_u64(json, "ept_mapped_on_demand", ept->mapped_on_demand);
    json_u64(json, "ept_recycled", ept->recycled);
    json_u64(json, "memory_owned", input->memory_owned);
    json_u64(json, "pool_pages", pool->pages);
    json_u64(json, "pool_used", pool->used);
    json_u64(json, "pool_peak", pool->peak);
    if (input->sites)
        site_figures(json, sites);
    close_json(p, "cache");
}

/* ---- guards and denials ---- */

/* The rooms below vmx/ count in structs of their own; the report has one list. */
static struct counters collect(const struct report_input *input)
{
    static const struct device_counts none;
    const struct ept_counts *ept = input->ept;
    const struct device_counts *devices = input->devices ? input->devices : &none;
    struct counters all = *input->counters;

    all.own_reads += ept->own_reads;
    all.own_writes += ept->own_writes;
    all.own_fetches += ept->own_fetches;
    all.init_swallowed += devices->swallowed_init;
    all.sipi_swallowed += devices->swallowed_sipi;
    all.nmi_ipi_swallowed += devices->swallowed_nmi;
    all.smi_ipi_swallowed += devices->swallowed_smi;
    all.other_ipi_swallowed += devices->swallowed_other_ipi;
    all.port_reads_denied += devices->denied_port_reads;
    all.port_writes_denied += devices->denied_port_writes;
    all.sleep_refused += devices->refused_sleeps;
    all.apic_reads_refused += devices->refused_apic_reads;
    all.apic_writes_refused += devices->refused_apic_writes;
    return all;
}

static void say_counters(struct printer *p, const struct counters *all)
{
    bool titled = false;
    for (u32 i = 0; i < COUNTER_COUNT; i++) {
        u64 value = counter_value(all, (enum counter_index)i);
        if (!value)
            continue;
        if (!titled)
            say(p, "guards and denials:");
        titled = true;
        say(p, "%10lu %s", value, counter_text((enum counter_index)i));
    }
}

static void json_counters(struct printer *p, const struct counters *all)
{
    struct json *json = open_json(p, "counts");
    for (u32 i = 0; i < COUNTER_COUNT; i++)
        if (counter_value(all, (enum counter_index)i))
            json_u64(json, counter_name((enum counter_index)i), counter_value(all, (enum counter_index)i));
    close_json(p, "counts");
}

/* ---- marks ---- */

static void say_marks(struct printer *p, const struct marks *marks)
{
    for (u32 i = 0; i < marks->count; i++) {
        const struct mark *mark = &marks->mark[i];
        say(p, "mark %u%s%s: %lu exits, %lu avoided, %lu cycles in Exeunt, %lu in the guest", mark->number,
            *mark->name ? " " : "", mark->name, mark->values[HYPERCALL_EXITS], mark->values[HYPERCALL_AVOIDED],
            mark->values[HYPERCALL_TSC_EXEUNT], mark->values[HYPERCALL_TSC_GUEST]);
    }
}

static void json_phase_row(struct printer *p, const struct mark *mark, const struct phase_row *row, bool timed)
{
    bool guest = row->row == PHASE_TIMEINGUEST;
    struct json *json = open_json(p, "phase_row");
    json_u64(json, "mark", mark->number);
    json_string(json, "name", guest ? "TIMEINGUEST" : exit_row_name((enum exit_row)row->row));
    json_u64(json, "count", row->got.count);
    if (timed)
        json_u64(json, "sum", row->got.sum);
    json_u64(json, "avoided", row->got.avoided);
    json_u64(json, "hits", row->got.hits);
    close_json(p, "phase_row");
}

static void empty_marks(struct marks *marks)
{
    marks->count = 0;
    marks->phases.used = 0;
}

static void json_marks(struct printer *p, const struct marks *marks)
{
    static const char *const names[HYPERCALL_COUNTER_COUNT] = {
        [HYPERCALL_EXITS] = "exits",
        [HYPERCALL_AVOIDED] = "avoided",
        [HYPERCALL_TSC_EXEUNT] = "tsc_vmm",
        [HYPERCALL_TSC_GUEST] = "tsc_guest",
        [HYPERCALL_TC_HITS] = "hits",
        [HYPERCALL_TC_MISSES] = "misses",
        [HYPERCALL_INVALIDATIONS] = "invalidations",
        [HYPERCALL_MEMORY_OWNED] = "memory_owned",
    };
    for (u32 i = 0; i < marks->count; i++) {
        const struct mark *mark = &marks->mark[i];
        struct json *json = open_json(p, "mark");
        json_u64(json, "number", mark->number);
        json_string(json, "name", mark->name);
        for (u32 counter = 0; counter < HYPERCALL_COUNTER_COUNT; counter++)
            json_u64(json, names[counter], mark->values[counter]);
        close_json(p, "mark");
        for (u32 row = 0; row < mark->rows; row++)
            json_phase_row(p, mark, &marks->phases.row[mark->first_row + row], marks->phases.timed);
    }
}

/* In the order of the table's rows. */
static void detail_lines(struct printer *p, const struct report_input *input, const struct table *table, bool json)
{
    struct details details = {.statistics = input->statistics, .guards = &input->vm->guards.config, .json = json};
    for (u32 i = 0; i < table->count; i++)
        if (table->lines[i].is_exit)
            details_of_row(p, &details, table->lines[i].row);
}

static struct printer *printer_for(report_emit *emit, void *context)
{
    printer.emit = emit;
    printer.context = context;
    return &printer;
}

void report_marks(struct marks *marks, report_emit *emit, void *context)
{
    struct printer *p = printer_for(emit, context);

    say_marks(p, marks);
    json_marks(p, marks);
    empty_marks(marks);
}

/* ---- all of it ---- */

static void say_all(struct printer *p, const struct report_input *input, const struct table *table,
                    const struct site_list *sites, const struct counters *all)
{
    struct exit_totals totals = statistics_totals(input->statistics, input->tsc);

    say_totals(p, input, &totals);
    say_table(p, table);
    detail_lines(p, input, table, false);
    say_memory(p, input);
    site_lines(p, input, sites, false);
    say_counters(p, all);
    if (input->marks)
        say_marks(p, input->marks);
}

static void json_all(struct printer *p, const struct report_input *input, const struct table *table,
                     const struct site_list *sites, const struct counters *all)
{
    struct exit_totals totals = statistics_totals(input->statistics, input->tsc);

    json_totals(p, input, &totals);
    for (u32 i = 0; i < table->count; i++)
        json_line(p, table, &table->lines[i]);
    detail_lines(p, input, table, true);
    json_memory(p, input, sites);
    site_lines(p, input, sites, true);
    json_counters(p, all);
    if (input->marks)
        json_marks(p, input->marks);
    if (!input->cause)
        return;
    struct json *json = open_json(p, "end");
    json_string(json, "cause", input->cause);
    close_json(p, "end");
}

void report_print(const struct report_input *input, report_emit *emit, void *context)
{
    static struct table table; /* as with the printer: too large for the stack */
    struct printer *p = printer_for(emit, context);
    struct counters all = collect(input);

    struct site_list sites;

    table_build(&table, input);
    if (input->sites)
        list_sites(&sites, input);
    say_all(p, input, &table, &sites, &all);
    json_all(p, input, &table, &sites, &all);
    if (input->marks)
        empty_marks(input->marks);
}

static void json_optional(struct json *json, const char *name, const char *value)
{
    if (value)
        json_string(json, name, value);
}

void report_boot(const struct report_boot *boot, report_emit *emit, void *context)
{
    struct printer *p = printer_for(emit, context);
    struct json *json = open_json(p, "boot");

    json_optional(json, "version", boot->version);
    json_optional(json, "cpu", boot->cpu);
    json_optional(json, "options", boot->options);
    json_optional(json, "engine", boot->engine);
    json_optional(json, "flow", boot->flow);
    json_optional(json, "guest", boot->guest);
    json_strings(json, "features", boot->features, boot->feature_count);
    json_strings(json, "absent", boot->absent, boot->absent_count);
    json_u64(json, "cpus_present", boot->cpus_present);
    json_u64(json, "cpus_used", boot->cpus_used);
    json_u64(json, "memory_owned", boot->memory_owned);
    json_u64(json, "image_bytes", boot->image_bytes);
    json_u64(json, "start_ticks", boot->start_ticks);
    json_u64(json, "console_ticks", boot->console_ticks);
    close_json(p, "boot");
}
