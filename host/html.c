/* SPDX-License-Identifier: BSD-2-Clause */
/* One page that needs nothing else: what the other outputs say, with charts (docs/REPORTS.md). */
#include "host/html.h"

#include "host/advice.h"
#include "host/names.h"

#include <string.h>

/* ---- the top ---- */

static void fact(struct text *out, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    text_format(out, "<div><dt>%s<dd>", name);
    text_html(out, value);
    text_add(out, "</div>");
}

static void facts(struct text *out, const struct view *view)
{
    const struct report *report = view->report;
    const struct json_value *boot = report->boot_entry ? report->boot_entry->object : NULL;
    struct text which = {0};
    text_add(out, "<dl class=facts>");
    fact(out, "Guest", json_member_string(boot, "guest"));
    fact(out, "CPU", json_member_string(boot, "cpu"));
    fact(out, "Engine", report->engine);
    fact(out, "Control flow", json_member_string(boot, "flow"));
    fact(out, "Traps", json_member_string(report->summary->object, "trap"));
    fact(out, "Options given", json_member_string(boot, "options"));
    fact(out, "Ended by", report->end ? json_member_string(report->end->object, "cause") : NULL);
    text_format(&which, "%u of %u in the log, from line %u", report->number, view->all->count, report->first_line);
    fact(out, "Report", text_string(&which));
    text_add(out, "</dl>");
    text_free(&which);
}

static void header(struct text *out, const struct view *view)
{
    const struct report *report = view->report;
    struct text later = {0};
    const char *version = report->boot_entry ? json_member_string(report->boot_entry->object, "version") : NULL;
    text_add(out, "<header><p class=over>Exeunt ");
    text_html(out, version ? version : "");
    text_add(out, "<h1>Exit report <span class=muted>");
    text_html(out, view->all->log->name);
    text_add(out, "</span></h1>");
    facts(out, view);
    if (report->incomplete)
        text_format(
            out,
            "<p class=warn role=alert>This report is not complete: %s. What can be read is shown; the rest is named <a "
            "href=#log>below</a>.",
            report->incomplete);
    describe_later(&later, view);
    if (later.used)
        text_format(out, "<p class=warn role=alert>Note: %s.", text_string(&later));
    text_free(&later);
    html_filter(out, view);
    text_add(out, "</header>");
}

/* ---- the figures that matter most ---- */

static void open_tile(struct text *out, const char *title)
{
    text_format(out, "<div class=tile><span class=over>%s</span><span class=big>", title);
}

static void close_tile(struct text *out, const char *words)
{
    text_add(out, "</span><span class=muted>");
    text_html(out, words);
    text_add(out, "</span></div>");
}

static void tile_avoided(struct text *out, const struct moment *at)
{
    struct text words = {0};
    open_tile(out, "Exits avoided");
    text_grouped(out, at->avoided);
    percent(&words, at->avoided, at->exits + at->avoided);
    text_add(&words, " % of what would have exited");
    close_tile(out, text_string(&words));
    text_free(&words);
}

static void tile_time(struct text *out, const struct report *report)
{
    struct text words = {0};
    open_tile(out, "Time in Exeunt");
    percent(out, report->at.tsc_vmm, report->tsc_total);
    text_add(out, " %");
    text_grouped(&words, report->at.tsc_vmm);
    text_add(&words, " of ");
    text_grouped(&words, report->tsc_total);
    text_add(&words, " ticks");
    close_tile(out, text_string(&words));
    text_free(&words);
}

static void tiles(struct text *out, const struct report *report)
{
    text_add(out, "<div class=tiles>");
    open_tile(out, "Exits taken");
    text_grouped(out, report->at.exits);
    close_tile(out, "hardware VM exits");
    tile_avoided(out, &report->at);
    if (report->timed) {
        tile_time(out, report);
        open_tile(out, "Ticks of one exit");
        text_grouped(out, report->at.exits ? exit_ticks(report) / report->at.exits : 0);
        close_tile(out, "on average, in Exeunt");
    }
    text_add(out, "</div>");
}

static void key_percent(struct text *out, const char *class, const char *name, u64 part, u64 whole)
{
    struct text words = {0};
    text_format(&words, "%s ", name);
    percent(&words, part, whole);
    text_add(&words, " %");
    html_key(out, class, text_string(&words));
    text_free(&words);
}

static void where_time_went(struct text *out, const struct report *report)
{
    u64 exits = exit_ticks(report), total = report->tsc_total;
    u64 own = report->at.tsc_vmm > exits ? report->at.tsc_vmm - exits : 0;
    struct part parts[] = {{"guest", report->at.tsc_guest}, {"taken", exits}, {"own", own}};
    if (!report->timed)
        return;
    text_add(out, "<h3>Where the time went</h3>");
    html_bar(out, parts, 3, total, "guest, exits, Exeunt's own time");
    text_add(out, "<p>");
    key_percent(out, "guest", "the guest", report->at.tsc_guest, total);
    key_percent(out, "taken", "exits", exits, total);
    key_percent(out, "own", "no exit (EXEUNT: start, printing reports)", own, total);
}

/* ---- what stands out, in words ---- */

static const struct row *largest(const struct report *report, bool by_time)
{
    const struct row *found = NULL;
    for (u32 i = 0; i < report->row_count; i++) {
        const struct row *row = &report->rows[i];
        if (!row->is_exit)
            continue;
        if (!found || (by_time ? row->sum > found->sum : row->count > found->count))
            found = row;
    }
    return found;
}

static void say_row(struct text *out, const struct row *row, const char *words, u64 part, u64 whole, const char *of)
{
    const char *text = name_row(row->name);
    text_add(out, "<li><b>");
    text_html(out, row->name);
    text_format(out, "</b> %s: ", words);
    percent(out, part, whole);
    text_format(out, " %% of %s", of);
    if (text) {
        text_add(out, " <span class=muted>(");
        text_html(out, text);
        text_add(out, ")</span>");
    }
}

/* Of those that the page shows; NULL if there is none. */
static const struct site *most_exits(const struct view *view)
{
    const struct site *found = NULL;
    u32 shown = 0;
    for (u32 i = 0; i < view->report->site_count; i++) {
        const struct site *site = &view->report->sites[i];
        if (view_has(view, site->exit) && (!view->top || shown++ < view->top) && (!found || site->count > found->count))
            found = site;
    }
    return found;
}

static void say_site(struct text *out, const struct report *report, const struct site *site)
{
    struct text place = {0}, advice = {0};
    site_place(&place, site);
    advise(&advice, report, site);
    text_add(out, "<li>One instruction makes ");
    percent(out, site->count, report->at.exits);
    text_format(out, " %% of all exits: <a href=#site%lu>", (unsigned long)(site - report->sites) + 1);
    text_html(out, site->exit);
    if (site_has_where(site))
        text_format(out, " %lx", site->where);
    if (place.used) {
        text_add(out, ", ");
        text_html(out, text_string(&place));
    }
    text_add(out, "</a>. ");
    text_html(out, text_string(&advice));
    text_free(&place);
    text_free(&advice);
}

static void stands_out(struct text *out, const struct view *view)
{
    const struct report *report = view->report;
    const struct site *site = most_exits(view);
    const struct row *often = largest(report, false), *slow = largest(report, true);
    if (!often)
        return;
    text_add(out, "<h3>What stands out</h3><ul>");
    say_row(out, often, "happened most often", often->count, report->at.exits, "all exits");
    if (report->timed && slow->sum)
        say_row(out, slow, "took most of the time", slow->sum, exit_ticks(report), "the time in exits");
    if (site)
        say_site(out, report, site);
    text_add(out, "</ul>");
}

static void overview(struct text *out, const struct view *view)
{
    text_add(out, "<section id=overview>");
    tiles(out, view->report);
    where_time_went(out, view->report);
    stands_out(out, view);
    text_add(out, "</section>");
}

/* ---- exit types ---- */

static void exit_row(struct text *out, const struct report *report, const struct row *row, bool percentiles)
{
    static const char *const fields[] = {"count", "min", "p50", "p90", "p99", "max", "sum", "avg", "stddev", "pct"};
    bool cached = row->is_exit && strcmp(report->engine, "interp") != 0;
    text_format(out, "<tr%s><td>", row->is_exit ? "" : " class=noexit");
    text_html(out, row->name);
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
        if (percentiles || *fields[i] != 'p' || !strcmp(fields[i], "pct"))
            html_digits_cell(out, json_member_number(row->entry->object, fields[i]));
    html_digits_cell(out, json_member_number(row->entry->object, "avoided"));
    html_percent_cell(out, row->hits, cached ? row->count : 0);
    html_number_cell(out, row->entry->line);
}

static void row_meanings(struct text *out, const struct view *view)
{
    text_add(out, "<dl class=meanings>");
    for (u32 i = 0; i < view->report->row_count; i++) {
        const char *name = view->report->rows[i].name, *text = view_has(view, name) ? name_row(name) : NULL;
        if (text)
            fact(out, name, text);
    }
    text_add(out, "</dl>");
}

static void exit_table(struct text *out, const struct view *view)
{
    static const char *const plain[] = {"type",    "#count",     "#min",     "#max",   "#sum",     "#avg",
                                        "#stddev", "#% of time", "#avoided", "#hit %", "#log line"};
    static const char *const full[] = {"type", "#count", "#min",    "#p50",       "#p90",     "#p99",   "#max",
                                       "#sum", "#avg",   "#stddev", "#% of time", "#avoided", "#hit %", "#log line"};
    bool percentiles = has_percentiles(view->report);
    u32 shown = 0;
    text_add(out, "<h3>The table</h3><p>Times in TSC ticks. A click on a title sorts.");
    html_table(out, percentiles ? full : plain, percentiles ? 14 : 11);
    for (u32 i = 0; i < view->report->row_count; i++) {
        const struct row *row = &view->report->rows[i];
        if (view_has(view, row->name) && (!view->top || shown++ < view->top))
            exit_row(out, view->report, row, percentiles);
    }
    text_add(out, "</table></div>");
}

static void exit_types(struct text *out, const struct view *view)
{
    text_add(out, "<section id=types><h2>Exit types</h2>");
    html_charts(out, view);
    exit_table(out, view);
    row_meanings(out, view);
    text_add(out, "</section>");
}

/* ---- cache, guards, boot, log ---- */

static void gauge(struct text *out, const struct json_value *cache, const char *title, const char *part,
                  const char *whole, const char *rest)
{
    u64 value, limit;
    struct text figures = {0};
    if (!json_member_whole(cache, part, &value) || !json_member_whole(cache, whole, &limit))
        return;
    if (rest && __builtin_add_overflow(limit, value, &limit))
        return;
    if (!limit || value > limit)
        return;
    text_grouped(&figures, value);
    text_add(&figures, " of ");
    text_grouped(&figures, limit);
    text_format(out, "<div class=row><span class=name>%s</span>", title);
    html_bar(out, &(struct part){"taken", value}, 1, limit, text_string(&figures));
    text_format(out, "<span class=value>%s</span></div>", text_string(&figures));
    text_free(&figures);
}

static void cache(struct text *out, const struct report *report)
{
    if (!report->cache)
        return;
    const struct json_value *object = report->cache->object;
    text_format(out, "<section id=cache><h2>Cache, EPT, memory</h2><p>From log line %u.<div class=bars>",
                report->cache->line);
    gauge(out, object, "hits of lookups", "hits", "misses", "added");
    gauge(out, object, "machine code", "code_bytes", "code_room", NULL);
    gauge(out, object, "page pool", "pool_used", "pool_pages", NULL);
    text_add(out, "</div><dl class=numbers>");
    for (u32 i = 0; i < cache_field_count; i++) {
        u64 value;
        if (!json_member_whole(object, cache_fields[i].name, &value))
            continue;
        text_format(out, "<div%s><dt>%s <code>%s</code><dd>", value ? "" : " class=zero", cache_fields[i].text,
                    cache_fields[i].name);
        text_grouped(out, value);
        text_add(out, "</div>");
    }
    text_add(out, "</dl></section>");
}

static void guards(struct text *out, const struct report *report)
{
    static const char *const titles[] = {"what", "JSON name", "#times"};
    const struct json_value *member = report->counts ? report->counts->object->first : NULL;
    text_add(out, "<section id=guards><h2>Guards and denials</h2>");
    if (!member || !member->next) {
        text_add(out, "<p>None.</section>");
        return;
    }
    text_format(out, "<p>Since the boot, from log line %u.", report->counts->line);
    html_table(out, titles, 3);
    for (; member; member = member->next) {
        if (member->kind != JSON_NUMBER)
            continue;
        text_add(out, "<tr><td>");
        text_html(out, name_counter(member->name));
        text_add(out, "<td><code>");
        text_html(out, member->name);
        text_add(out, "</code>");
        html_digits_cell(out, member->text);
    }
    text_add(out, "</table></div></section>");
}

static void chips(struct text *out, const struct json_value *boot, const char *name, const char *title,
                  const char *class)
{
    const struct json_value *list = json_member(boot, name);
    if (!list || list->kind != JSON_ARRAY)
        return;
    text_format(out, "<h3>%s</h3><ul class=\"chips %s\">", title, class);
    for (const struct json_value *at = list->first; at; at = at->next) {
        if (!at->text)
            continue;
        text_add(out, "<li>");
        text_html(out, at->text);
    }
    text_add(out, "</ul>");
}

static void boot_number(struct text *out, const struct json_value *boot, const char *name, const char *words)
{
    u64 value;
    if (!json_member_whole(boot, name, &value))
        return;
    text_format(out, "<div><dt>%s <code>%s</code><dd>", words, name);
    text_grouped(out, value);
    text_add(out, "</div>");
}

static void boot(struct text *out, const struct report *report)
{
    if (!report->boot_entry)
        return;
    const struct json_value *object = report->boot_entry->object;
    text_format(out, "<section id=boot><h2>Boot</h2><p>From log line %u.<dl class=numbers>", report->boot_entry->line);
    boot_number(out, object, "start_ticks", "ticks from Exeunt's first function to the guest");
    boot_number(out, object, "console_ticks", "of these, in printing");
    boot_number(out, object, "memory_owned", "bytes of memory that Exeunt owns");
    boot_number(out, object, "image_bytes", "bytes of its image");
    boot_number(out, object, "cpus_present", "CPUs of the machine");
    boot_number(out, object, "cpus_used", "CPUs of the guest");
    text_add(out, "</dl>");
    chips(out, object, "features", "VMX features in use", "yes");
    chips(out, object, "absent", "VMX features that this CPU lacks", "no");
    text_add(out, "</section>");
}

static void log_section(struct text *out, const struct log *log)
{
    static const char *const titles[] = {"#line", "what is wrong there"};
    text_format(out, "<section id=log><h2>The log</h2><p>%u lines, %u JSON lines of Exeunt read.", log->line_count,
                log->entry_count);
    if (!log->problem_count) {
        text_add(out, " None was damaged.</section>");
        return;
    }
    html_table(out, titles, 2);
    for (u32 i = 0; i < log->problem_count; i++) {
        text_add(out, "<tr>");
        html_number_cell(out, log->problems[i].line);
        text_add(out, "<td>");
        text_html(out, log->problems[i].text);
    }
    text_add(out, "</table></div></section>");
}

/* ---- the page ---- */

static void navigation(struct text *out, const struct report *report, const struct phases *phases)
{
    text_add(out, "<nav><a href=#overview>Overview</a><a href=#types>Exit types</a>");
    if (report->detail_count)
        text_add(out, "<a href=#details>Ports, registers</a>");
    if (phases->count > 1)
        text_add(out, "<a href=#phases>Phases</a>");
    if (phases->interval_count > 1)
        text_add(out, "<a href=#timeline>Timeline</a>");
    text_add(out, "<a href=#sites>Sites</a>");
    if (report->cache)
        text_add(out, "<a href=#cache>Cache</a>");
    text_add(out, "<a href=#guards>Guards</a>");
    if (report->boot_entry)
        text_add(out, "<a href=#boot>Boot</a>");
    text_add(out, "<a href=#log>Log</a></nav>");
}

void html_write(struct text *out, const struct view *view)
{
    struct phases phases;
    phases_read(&phases, view);
    html_begin(out, "Exit report: ", view->all->log->name);
    header(out, view);
    navigation(out, view->report, &phases);
    text_add(out, "<main>");
    overview(out, view);
    exit_types(out, view);
    html_details(out, view);
    html_phases(out, view, &phases);
    html_timeline(out, view, &phases);
    html_sites(out, view);
    cache(out, view->report);
    guards(out, view->report);
    boot(out, view->report);
    log_section(out, view->all->log);
    text_add(out, "</main>");
    html_end(out, "Every number is in the line of the log that stands beside it, or is worked out from such numbers as "
                  "docs/REPORTS.md says.");
    phases_free(&phases);
}
