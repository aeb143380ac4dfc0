/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/delays.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OPTION "exit-delay="

u64 moment_ticks(const struct moment *at)
{
    return at->tsc_vmm + at->tsc_guest;
}

/* ---- the runs ---- */

/* Of the boot's options; 0 without that one. False: the log does not say which there were. */
static bool find_delay(const struct report *report, u64 *delay)
{
    const char *options = report->boot_entry ? json_member_string(report->boot_entry->object, "options") : NULL;
    *delay = 0;
    for (const char *at = options; at && (at = strstr(at, OPTION)) != NULL; at += strlen(OPTION))
        if (at == options || at[-1] == ' ')
            *delay = strtoull(at + strlen(OPTION), NULL, 0);
    return options != NULL;
}

static bool add_run(struct delays *d, const struct view *view, struct text *wrong)
{
    u64 delay = 0;
    u32 at = d->run_count;
    const char *name = view->all->log->name;
    if (!view->report->timed)
        text_format(wrong, "%s: there are no times in it (timing=off)", name);
    else if (!find_delay(view->report, &delay))
        text_format(wrong, "%s: no `boot` line that says which exit-delay= it had", name);
    if (wrong->used)
        return false;
    for (; at > 0 && d->runs[at - 1].delay > delay; at--)
        d->runs[at] = d->runs[at - 1];
    d->runs[at] = (struct delay_run){.view = view, .delay = delay};
    d->run_count++;
    return true;
}

/* ---- lines ---- */

static double mean_delay(const struct delays *d)
{
    double sum = 0;
    for (u32 i = 0; i < d->run_count; i++)
        sum += (double)d->runs[i].delay;
    return sum / d->run_count;
}

static double mean_ticks(const struct delays *d, const struct delay_line *line)
{
    double sum = 0;
    for (u32 i = 0; i < d->run_count; i++)
        sum += (double)moment_ticks(&line->at[i]);
    return sum / d->run_count;
}

/* Least squares. */
static void fit(const struct delays *d, struct delay_line *line)
{
    double delay = mean_delay(d), ticks = mean_ticks(d, line), both = 0, square = 0;
    for (u32 i = 0; i < d->run_count; i++) {
        double x = (double)d->runs[i].delay - delay;
        both += x * ((double)moment_ticks(&line->at[i]) - ticks);
        square += x * x;
    }
    line->felt = both / square;
    line->off = 0;
    for (u32 i = 0; i < d->run_count; i++) {
        double on = ticks + line->felt * ((double)d->runs[i].delay - delay);
        line->off = fmax(line->off, fabs((double)moment_ticks(&line->at[i]) - on));
    }
}

static struct delay_line *add_line(struct delays *d, const char *name)
{
    d->lines = array_grow(d->lines, d->line_count, sizeof(*d->lines));
    d->lines[d->line_count] = (struct delay_line){.name = name};
    return &d->lines[d->line_count++];
}

static bool in_all(const struct delays *d, const struct phase *phase, struct moment *at)
{
    u32 rank = phase_rank(&d->runs[0].phases, phase);
    for (u32 i = 0; i < d->run_count; i++) {
        const struct phase *found = phases_find(&d->runs[i].phases, phase->name, rank);
        if (!found)
            return false;
        at[i] = found->spent;
    }
    return true;
}

static void read_lines(struct delays *d)
{
    const struct phases *first = &d->runs[0].phases;
    struct moment at[DELAY_RUNS_MAX];
    struct delay_line *whole = add_line(d, "all");
    for (u32 i = 0; i < d->run_count; i++)
        whole->at[i] = d->runs[i].view->report->at;
    for (u32 i = 0; i < first->count && first->count > 1; i++)
        if (in_all(d, &first->phases[i], at))
            memcpy(add_line(d, first->phases[i].name)->at, at, sizeof(at));
    for (u32 i = 0; i < d->line_count; i++)
        fit(d, &d->lines[i]);
}

bool delays_read(struct delays *d, const struct view *const *views, u32 count, struct text *wrong)
{
    *d = (struct delays){0};
    for (u32 i = 0; i < count; i++)
        if (!add_run(d, views[i], wrong))
            return false;
    if (d->runs[0].delay == d->runs[count - 1].delay) {
        text_format(wrong, "all of them have exit-delay=%lu", d->runs[0].delay);
        return false;
    }
    for (u32 i = 0; i < count; i++)
        phases_read(&d->runs[i].phases, d->runs[i].view);
    read_lines(d);
    return true;
}

void delays_free(struct delays *d)
{
    for (u32 i = 0; i < d->run_count; i++)
        phases_free(&d->runs[i].phases);
    free(d->lines);
    *d = (struct delays){0};
}

double delays_per_1000(const struct delay_line *line)
{
    u64 ticks = moment_ticks(&line->at[0]);
    return ticks ? 100 * 1000 * line->felt / (double)ticks : 0;
}

double delays_exits(const struct delays *d, const struct delay_line *line)
{
    double sum = 0;
    for (u32 i = 0; i < d->run_count; i++)
        sum += (double)line->at[i].exits;
    return sum / d->run_count;
}

double delays_cost(const struct delays *d, const struct delay_line *line)
{
    const struct moment *at = &line->at[0];
    double exits = delays_exits(d, line), own = (double)at->tsc_vmm - (double)d->runs[0].delay * (double)at->exits;
    return exits > 0 && own > 0 ? line->felt * own / exits : 0;
}
