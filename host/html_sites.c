/* SPDX-License-Identifier: BSD-2-Clause */
/* The exit sites, each with its code: the border of the cluster, where it is entered, what exits. */
#include "host/advice.h"
#include "host/disassembly.h"
#include "host/html.h"
#include "host/names.h"

#include <string.h>

static void instruction(struct text *out, const struct disassembly *d, u32 index)
{
    static const char *const tags[] = {[EXITS_NO] = "",
                                       [EXITS_MAYBE] = "<span class=\"tag may\">may exit</span>",
                                       [EXITS_YES] = "<span class=tag>exits</span>"};
    const struct instruction *at = &d->at[index];
    text_format(out, "<tr class=\"%s%s%s\"><td class=entry>", at->exits == EXITS_YES ? "exits" : "",
                at->exits == EXITS_MAYBE ? "may" : "", at->elsewhere ? " elsewhere" : "");
    text_add(out, at->entry ? "<span title=\"the cluster is entered here\">▶</span>" : "");
    text_format(out, d->placed ? "<td class=address>%lx" : "<td class=address>+%lx", at->address);
    text_add(out, "<td class=bytes>");
    for (u32 i = 0; i < at->length; i++)
        text_format(out, "%02x", d->bytes[at->offset + i]);
    text_add(out, "<td class=text>");
    text_html(out, at->text);
    if (at->jumps)
        text_add(out, at->target < 0            ? " <span class=to>↷ out</span>"
                      : at->target > (int)index ? " <span class=to>↓</span>"
                                                : " <span class=to>↑ loop</span>");
    text_format(out, "<td>%s", tags[at->exits]);
}

static void code(struct text *out, const struct site *site)
{
    struct disassembly d;
    disassemble(&d, site);
    if (!d.count) {
        text_add(out, "<p class=muted>No code: the guest is told what it was told the last time.");
        return;
    }
    text_add(out, "<div class=scroll tabindex=0><table class=code><caption>");
    if (!site->translated)
        text_format(out, "not translated: performed by the interpreter");
    else
        text_format(out, "cluster: %lu instruction%s, %lu %s", site->length, site->length == 1 ? "" : "s",
                    site->exiting, site->exiting == 1 ? "exits" : "exit");
    if (!d.placed)
        text_add(out, "; where the RIP is in it, the report does not say");
    text_add(out, "</caption><tbody>");
    for (u32 i = 0; i < d.count; i++)
        instruction(out, &d, i);
    text_add(out, "</table></div>");
    if (d.missing)
        text_format(out, "<p class=muted>and %u more, which are not in the report", d.missing);
}

static void why(struct text *out, const struct report *report, const struct site *site)
{
    struct text advice = {0};
    if (*site->why) {
        text_add(out, "<p><b>Why it ends:</b> ");
        text_html(out, site->why);
        if (*site->stopper) {
            text_add(out, ": <code>");
            text_html(out, site->stopper);
            text_add(out, "</code>");
        }
    }
    advise(&advice, report, site);
    if (advice.used) {
        text_add(out, "<p><b>What to try:</b> ");
        text_html(out, text_string(&advice));
    }
    text_free(&advice);
}

static void card(struct text *out, const struct report *report, const struct site *site, u32 number, u64 most)
{
    struct part parts[] = {{"taken", site->count}, {"avoided", site->avoided}};
    struct text place = {0};
    site_place(&place, site);
    text_format(out, "<article id=site%u><h3><span class=rank>%u</span> ", number, number);
    text_html(out, site->exit);
    if (site_has_where(site))
        text_format(out, " <code>%lx</code>", site->where);
    if (place.used) {
        text_add(out, " <span class=place>");
        text_html(out, text_string(&place));
        text_add(out, "</span>");
    }
    text_add(out, "</h3>");
    html_bar(out, parts, 2, most, "exits and avoided");
    text_add(out, "<p class=figures><b>");
    text_grouped(out, site->count);
    text_add(out, "</b> exits (");
    percent(out, site->count, report->at.exits);
    text_add(out, " % of all), <b>");
    text_grouped(out, site->avoided);
    text_add(out, "</b> avoided");
    if (site->sum && site->count) {
        text_add(out, ", <b>");
        text_grouped(out, site->sum / site->count);
        text_add(out, "</b> ticks each");
    }
    text_format(out, " <span class=muted>· RIP <code>%lx</code>%s · log line %u</span>", site->rip,
                site->bits == 32   ? " · 32-bit code"
                : site->bits == 16 ? " · 16-bit code"
                                   : "",
                site->entry->line);
    code(out, site);
    why(out, report, site);
    text_add(out, "</article>");
    text_free(&place);
}

static u64 most_of(const struct view *view)
{
    u64 most = 0;
    for (u32 i = 0; i < view->report->site_count; i++) {
        const struct site *site = &view->report->sites[i];
        u64 both = site->count + site->avoided < site->count ? ~0ull : site->count + site->avoided;
        if (view_has(view, site->exit) && both > most)
            most = both;
    }
    return most;
}

static void refused(struct text *out, const struct report *report)
{
    static const char *const titles[] = {"#times", "not translated because"};
    if (!report->refused_count)
        return;
    text_add(out, "<h3>Attempts that made no translation</h3>");
    html_table(out, titles, 2);
    for (u32 i = 0; i < report->refused_count; i++) {
        const char *words = json_member_string(report->refused[i]->object, "why");
        text_add(out, "<tr>");
        html_digits_cell(out, json_member_number(report->refused[i]->object, "count"));
        text_add(out, "<td>");
        text_html(out, words ? words : "-");
    }
    text_add(out, "</table></div>");
}

void html_sites(struct text *out, const struct view *view)
{
    const struct report *report = view->report;
    u32 shown = 0;
    u64 most = most_of(view);
    text_add(out, "<section id=sites><h2>Exit sites</h2>");
    if (!report->site_count) {
        text_add(out, "<p>None in this report: they come with engine=cluster and engine=translate.</section>");
        return;
    }
    text_format(out, "<p>The instructions %s.",
                sites_by_time(report) ? "whose exits took the most time" : "with the most exits");
    text_add(out,
             " The frame is the cluster: what is performed in one go. ▶ marks the "
             "instruction that is exited on, <span class=tag>exits</span> what the hardware would leave the guest for. "
             "These sites have ");
    text_grouped(out, exits_of_sites(report));
    text_add(out, " of ");
    text_grouped(out, report->at.exits);
    text_add(out, " exits; the others are of sites with fewer, or of translations that were lost.<p>");
    html_key(out, "taken", "exits");
    html_key(out, "avoided", "avoided");
    text_add(out, "<div class=cards>");
    for (u32 i = 0; i < report->site_count; i++)
        if (view_has(view, report->sites[i].exit) && (!view->top || shown < view->top)) {
            shown++;
            card(out, report, &report->sites[i], i + 1, most);
        }
    text_add(out, "</div>");
    refused(out, report);
    text_add(out, "</section>");
}
