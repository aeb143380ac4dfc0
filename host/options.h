/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of exeunt-report. */
#ifndef HOST_OPTIONS_H
#define HOST_OPTIONS_H

#include "host/outputs.h"

/* What is shown, and how. */
enum subject { SUBJECT_REPORT, SUBJECT_DIFF, SUBJECT_DELAYS };
enum output { OUTPUT_TERMINAL, OUTPUT_JSON, OUTPUT_CSV, OUTPUT_COLLAPSED, OUTPUT_HTML, OUTPUT_HELP };

#define FILES_MAX DELAY_RUNS_MAX

struct options {
    enum subject subject;
    enum output output;
    const char *html;             /* file to write */
    const char *files[FILES_MAX]; /* logs to read */
    u32 file_count;
    u32 top, report;
    const char *filter;
    struct terminal terminal;
    bool has_width;
};

extern const char usage[];

/* False, with a message in `wrong`, if they cannot be carried out. */
bool options_read(struct options *options, int count, char **words, struct text *wrong);

#endif
