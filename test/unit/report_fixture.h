/* SPDX-License-Identifier: BSD-2-Clause */
/* A log and its reports, read from text, for the tests of host/. */
#ifndef TEST_UNIT_REPORT_FIXTURE_H
#define TEST_UNIT_REPORT_FIXTURE_H

#include "host/outputs.h"

#include <stdio.h>
#include <string.h>

#define DATA "test/data/report/"

struct reading {
    struct log log;
    struct reports reports;
    struct view view;
};

static inline void read_bytes(struct reading *r, const char *name, const char *text, size_t size)
{
    log_read(&r->log, name, text, size);
    reports_read(&r->reports, &r->log);
    r->view = (struct view){.all = &r->reports, .report = reports_choose(&r->reports, 0)};
}

static inline void read_text(struct reading *r, const char *text)
{
    read_bytes(r, "a.log", text, strlen(text));
}

static inline void done(struct reading *r)
{
    reports_free(&r->reports);
    log_free(&r->log);
}

static inline void slurp(struct text *text, const char *path)
{
    char block[4096];
    size_t size;
    FILE *file = fopen(path, "rb");
    text_add(text, "");
    while (file && (size = fread(block, 1, sizeof(block), file)) > 0)
        text_bytes(text, block, size);
    if (file)
        fclose(file);
}

static inline void read_stored(struct reading *r, const char *name)
{
    struct text text = {0};
    char path[128];
    snprintf(path, sizeof(path), DATA "%s", name);
    slurp(&text, path);
    read_bytes(r, name, text.data, text.used);
    text_free(&text);
}

/* A report whose rows add up: 12 exits, 1000 ticks, 3 avoided. */
#define J "exeunt-json: "
#define SUMMARY                                                                                                        \
    J "{\"type\":\"summary\",\"exits\":12,\"avoided\":3,\"tsc_total\":1000,\"tsc_guest\":700,\"tsc_vmm\":300,"         \
      "\"engine\":\"cluster\",\"trap\":\"pio\",\"timing\":true}\n"
#define ROWS                                                                                                           \
    J "{\"type\":\"exit\",\"name\":\"IO_IN\",\"count\":10,\"min\":5,\"max\":100,\"sum\":250,\"avg\":25.0000,"          \
      "\"stddev\":1.5000,\"pct\":25.00,\"avoided\":3,\"hits\":9}\n" J                                                  \
      "{\"type\":\"exit\",\"name\":\"CPUID\",\"count\":2,\"min\":20,\"max\":30,\"sum\":50,\"avg\":25.0000,"            \
      "\"stddev\":5.0000,\"pct\":5.00,\"avoided\":0,\"hits\":0}\n" J                                                   \
      "{\"type\":\"time\",\"name\":\"TIMEINGUEST\",\"count\":12,\"min\":1,\"max\":99,\"sum\":700,\"avg\":58.3333,"     \
      "\"stddev\":2.0000,\"pct\":70.00}\n"
#define CACHE J "{\"type\":\"cache\",\"engine\":\"cluster\",\"entries\":4,\"hits\":9,\"misses\":1}\n"
#define SITE(count, rip)                                                                                               \
    J "{\"type\":\"site\",\"count\":" count ",\"avoided\":3,\"exiting\":1,\"length\":1,\"rip\":\"" rip                 \
      "\",\"exit\":\"IO_IN\",\"where\":\"0x60\",\"bits\":32,\"bytes\":\"e460\",\"translated\":true,"                   \
      "\"why\":\"nothing downstream exits\",\"stopper\":\"\"}\n"
#define COUNTS J "{\"type\":\"counts\",\"mtrr_rebuilds\":4}\n"
#define END J "{\"type\":\"end\",\"cause\":\"acpi-s5\"}\n"
#define REPORT SUMMARY ROWS CACHE SITE("4", "0x1000") COUNTS
#define DETAIL(row, where, name, count, sum)                                                                           \
    J "{\"type\":\"detail\",\"row\":\"" row "\",\"where\":\"" where "\",\"name\":\"" name                              \
      "\",\"size\":1,\"count\":" count ",\"sum\":" sum "}\n"
#define DETAILS DETAIL("IO_IN", "0x3fd", "COM1", "7", "200") DETAIL("IO_IN", "", "several ports", "3", "50")
#define PHASE_ROW(mark, name, count, sum)                                                                              \
    J "{\"type\":\"phase_row\",\"mark\":" mark ",\"name\":\"" name "\",\"count\":" count ",\"sum\":" sum               \
      ",\"avoided\":0,\"hits\":0}\n"

#define UNTIMED                                                                                                        \
    J "{\"type\":\"summary\",\"exits\":3,\"avoided\":0,\"engine\":\"interp\",\"timing\":false}\n" J                    \
      "{\"type\":\"exit\",\"name\":\"CPUID\",\"count\":3,\"avoided\":0,\"hits\":0}\n" J                                \
      "{\"type\":\"time\",\"name\":\"TIMEINGUEST\",\"count\":3}\n" CACHE COUNTS

/* A run of `exits` exits and so many ticks; the phase "disk" has 4 of the exits, and the ticks beyond 1000. */
static inline void read_run(struct reading *r, const char *options, u64 exits, u64 ticks)
{
    struct text text = {0};
    text_format(&text,
                J
                "{\"type\":\"boot\",\"options\":\"%s\"}\n" J
                "{\"type\":\"summary\",\"exits\":%lu,\"avoided\":0,\"tsc_total\":%lu,\"tsc_guest\":%lu,"
                "\"tsc_vmm\":300,\"timing\":true}\n" J
                "{\"type\":\"mark\",\"number\":1,\"name\":\"disk\",\"exits\":%lu,\"tsc_vmm\":100,\"tsc_guest\":900}\n",
                options, exits, ticks, ticks - 300, exits - 4);
    read_text(r, text_string(&text));
    text_free(&text);
}

/* ---- what was printed ---- */

static __attribute__((unused)) const struct terminal plain = {.width = 0};

static inline size_t widest_line(const char *text)
{
    size_t widest = 0;
    while (*text) {
        size_t size = strcspn(text, "\n");
        widest = size > widest ? size : widest;
        text += size + (text[size] == '\n');
    }
    return widest;
}

static inline u32 times(const char *text, const char *what)
{
    u32 count = 0;
    for (; (text = strstr(text, what)) != NULL; text++)
        count++;
    return count;
}

#endif
