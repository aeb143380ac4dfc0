/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/html.h"

#include <string.h>

const char *const html_series[HTML_SERIES + 1] = {"s0", "s1", "s2", "s3", "s4", "s5"};

/* Browsers keep floats. */
static void add_percent(struct text *out, const char *name, u64 value, u64 whole)
{
    double width = whole ? 100.0 * (double)value / (double)whole : 0;
    text_format(out, " %s=\"%.3f%%\"", name, width > 100 ? 100 : width);
}

void html_bar(struct text *out, const struct part *parts, u32 count, u64 whole, const char *label)
{
    u64 before = 0;
    text_add(out, "<svg class=bar role=img aria-label=\"");
    text_html(out, label);
    text_add(out, "\">");
    for (u32 i = 0; i < count; i++) {
        if (!parts[i].value)
            continue;
        text_format(out, "<rect class=%s height=\"100%%\"", parts[i].class);
        add_percent(out, "x", before, whole);
        add_percent(out, "width", parts[i].value, whole);
        text_add(out, "/>");
        before += parts[i].value;
    }
    text_add(out, "</svg>");
}

void html_bar_row(struct text *out, const char *name, const struct part *parts, u32 count, u64 whole,
                  const char *figures)
{
    struct text label = {0};
    text_format(&label, "%s: %s", name, figures);
    text_add(out, "<div class=row><span class=name>");
    text_html(out, name);
    text_add(out, "</span>");
    html_bar(out, parts, count, whole, text_string(&label));
    text_add(out, "<span class=value>");
    text_html(out, figures);
    text_add(out, "</span></div>");
    text_free(&label);
}

void html_key(struct text *out, const char *class, const char *words)
{
    text_format(
        out,
        "<span class=key><svg class=swatch aria-hidden=true><rect class=%s width=\"100%%\" height=\"100%%\"/></svg>",
        class);
    text_html(out, words);
    text_add(out, "</span>");
}

void html_number_cell(struct text *out, u64 value)
{
    text_format(out, "<td class=n data-v=%lu>", value);
    text_grouped(out, value);
}

/* The digits before the point in groups, all else as it stands. */
void html_digits_cell(struct text *out, const char *digits)
{
    size_t whole = digits ? strspn(digits, "0123456789") : 0;
    if (!digits) {
        text_add(out, "<td class=n data-v=-1>-");
        return;
    }
    text_add(out, "<td class=n data-v=\"");
    text_html(out, digits);
    text_add(out, "\">");
    for (size_t i = 0; i < whole; i++) {
        if (i && (whole - i) % 3 == 0)
            text_add(out, ",");
        text_bytes(out, digits + i, 1);
    }
    text_html(out, digits + whole);
}

void html_percent_cell(struct text *out, u64 part, u64 whole)
{
    struct text digits = {0};
    percent(&digits, part, whole);
    html_digits_cell(out, whole ? text_string(&digits) : NULL);
    text_free(&digits);
}

void html_moment_cells(struct text *out, const struct moment *spent)
{
    html_number_cell(out, spent->exits);
    html_number_cell(out, spent->avoided);
    html_number_cell(out, spent->tsc_vmm);
    html_number_cell(out, spent->tsc_guest);
    html_percent_cell(out, spent->tsc_vmm, spent->tsc_vmm + spent->tsc_guest);
}

void html_table(struct text *out, const char *const *titles, u32 count)
{
    text_add(out, "<div class=scroll tabindex=0><table class=sort><thead><tr>");
    for (u32 i = 0; i < count; i++)
        text_format(out, "<th scope=col%s>%s", *titles[i] == '#' ? " class=n" : "", titles[i] + (*titles[i] == '#'));
    text_add(out, "</thead><tbody>");
}

/* Nothing is loaded, and no script runs but the one at the end, whatever a log had in it. */
void html_begin(struct text *out, const char *title, const char *name)
{
    text_add(out, "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
                  "<meta name=viewport content=\"width=device-width,initial-scale=1\">"
                  "<meta name=color-scheme content=\"light dark\">");
    text_format(out,
                "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'; "
                "script-src '%s'; base-uri 'none'; form-action 'none'\"><title>%s",
                html_script_hash, title);
    text_html(out, name);
    text_format(out, "</title><style>%s</style></head><body>", html_style);
    text_add(out,
             "<svg width=0 height=0 class=defs aria-hidden=true><defs><pattern id=hatch width=6 height=6 "
             "patternUnits=userSpaceOnUse patternTransform=\"rotate(45)\"><rect width=6 height=6 class=hatch0 /><rect "
             "width=2.5 height=6 class=hatch1 /></pattern></defs></svg>");
}

void html_end(struct text *out, const char *words)
{
    text_format(out, "<footer>By exeunt-report. %s</footer><script>%s</script></body></html>\n", words, html_script);
}

void html_filter(struct text *out, const struct view *view)
{
    if (!view->filter)
        return;
    text_add(out, "<p class=warn>Only rows and sites of ");
    text_html(out, view->filter);
    text_add(out, " are shown; totals are of all.");
}
