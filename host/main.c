/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { STATUS_SHOWN, STATUS_DAMAGED, STATUS_NOTHING };

/* A log, the reports in it, and the one that is looked at. */
struct source {
    struct text text;
    struct log log;
    struct reports reports;
    struct view view;
};

static bool read_all(FILE *file, struct text *text)
{
    char block[65536];
    size_t size;
    while ((size = fread(block, 1, sizeof(block), file)) > 0)
        text_bytes(text, block, size);
    return !ferror(file);
}

static bool read_file(const char *name, struct text *text)
{
    bool standard = !strcmp(name, "-");
    FILE *file = standard ? stdin : fopen(name, "rb");
    bool good = file && read_all(file, text);
    if (!good)
        fprintf(stderr, "exeunt-report: %s: %s\n", name, strerror(errno));
    if (file && !standard)
        fclose(file);
    return good;
}

/* Nothing may be shown of a log without a report, but that is said after its problems. */
static bool open_source(struct source *s, const char *name, const struct options *options)
{
    if (!read_file(name, &s->text))
        return false;
    log_read(&s->log, !strcmp(name, "-") ? "standard input" : name, s->text.data, s->text.used);
    reports_read(&s->reports, &s->log);
    s->view = (struct view){
        .all = &s->reports,
        .report = reports_choose(&s->reports, options->report),
        .filter = options->filter,
        .top = options->top,
    };
    for (u32 i = 0; i < s->log.problem_count; i++)
        fprintf(stderr, "%s:%u: %s\n", s->log.name, s->log.problems[i].line, s->log.problems[i].text);
    if (s->view.report)
        return true;
    if (options->report)
        fprintf(stderr, "exeunt-report: %s: no report %u, there are %u\n", name, options->report, s->reports.count);
    else
        fprintf(stderr, "exeunt-report: %s: no report in it\n", name);
    return false;
}

static void close_source(struct source *s)
{
    reports_free(&s->reports);
    log_free(&s->log);
    text_free(&s->text);
}

/* The terminal's width; what is piped elsewhere is not cut. */
static u32 terminal_width(void)
{
    struct winsize size;
    return isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ? size.ws_col : 0;
}

static void show_report(struct text *out, const struct view *view, const struct options *options)
{
    switch (options->output) {
    case OUTPUT_JSON:
        json_document(out, view);
        break;
    case OUTPUT_CSV:
        csv_write(out, view);
        break;
    case OUTPUT_COLLAPSED:
        collapsed_write(out, view);
        break;
    case OUTPUT_HTML:
        html_write(out, view);
        break;
    default:
        terminal_write(out, view, &options->terminal);
        break;
    }
}

static void show_diff(struct text *out, const struct source *sources, const struct options *options)
{
    const struct view *before = &sources[0].view, *after = &sources[1].view;
    switch (options->output) {
    case OUTPUT_JSON:
        diff_json(out, before, after);
        break;
    case OUTPUT_CSV:
        diff_csv(out, before, after);
        break;
    case OUTPUT_HTML:
        diff_html(out, before, after);
        break;
    default:
        diff_write(out, before, after, &options->terminal);
        break;
    }
}

static bool show_delays(struct text *out, const struct source *sources, const struct options *options)
{
    const struct view *views[FILES_MAX];
    struct delays delays;
    struct text wrong = {0};
    for (u32 i = 0; i < options->file_count; i++)
        views[i] = &sources[i].view;
    bool good = delays_read(&delays, views, options->file_count, &wrong);
    if (!good)
        fprintf(stderr, "exeunt-report: %s\n", text_string(&wrong));
    else if (options->output == OUTPUT_JSON)
        delays_json(out, &delays);
    else
        delays_write(out, &delays, &options->terminal);
    delays_free(&delays);
    text_free(&wrong);
    return good;
}

/* False if the logs do not allow it. */
static bool show(struct text *out, const struct source *sources, const struct options *options)
{
    if (options->subject == SUBJECT_DELAYS)
        return show_delays(out, sources, options);
    if (options->subject == SUBJECT_DIFF)
        show_diff(out, sources, options);
    else
        show_report(out, &sources[0].view, options);
    return true;
}

static bool write_out(const struct text *out, const char *name)
{
    FILE *file = name ? fopen(name, "wb") : stdout;
    bool good = file && fwrite(text_string(out), 1, out->used, file) == out->used && fflush(file) == 0;
    if (!good)
        fprintf(stderr, "exeunt-report: %s: %s\n", name ? name : "standard output", strerror(errno));
    if (file && name && fclose(file) != 0)
        good = false;
    return good;
}

int main(int count, char **words)
{
    struct options options;
    struct source sources[FILES_MAX] = {0};
    struct text out = {0}, wrong = {0};
    int status = STATUS_SHOWN;

    if (!options_read(&options, count, words, &wrong)) {
        fprintf(stderr, "exeunt-report: %s\n%s", text_string(&wrong), usage);
        text_free(&wrong);
        return STATUS_NOTHING;
    }
    if (options.output == OUTPUT_HELP)
        return fputs(usage, stdout) < 0 ? STATUS_NOTHING : STATUS_SHOWN;
    if (!options.has_width)
        options.terminal.width = terminal_width();
    for (u32 i = 0; i < options.file_count; i++) {
        if (!open_source(&sources[i], options.files[i], &options))
            status = STATUS_NOTHING;
        else if (status == STATUS_SHOWN && (sources[i].log.problem_count || sources[i].view.report->incomplete))
            status = STATUS_DAMAGED;
    }
    if (status != STATUS_NOTHING && (!show(&out, sources, &options) || !write_out(&out, options.html)))
        status = STATUS_NOTHING;
    for (u32 i = 0; i < options.file_count; i++)
        close_source(&sources[i]);
    text_free(&out);
    return status;
}
