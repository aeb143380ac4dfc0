/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/report_sites.h"

#include "lib/string.h"

/* ---- which ---- */

/* Whether it stands for exits of its own: what is kept of a site without a translation is only its last attempt. */
static bool is_translated(const struct translation *site)
{
    return site->piece_size || !site->code_size;
}

/* What the exit was about: a port, an address, a leaf; and its row. */
static u64 place_of(const struct translation *site, const struct vm *vm, enum exit_row *row)
{
    u64 where = site->expect & site->expect_mask;
    *row = exit_row_of(site->reason, where);
    if (site->reason == EXIT_REASON_IO_INSTRUCTION)
        return (u16)(where >> 16);
    if (site->reason == EXIT_REASON_RDMSR)
        return where >> 32; /* vmx/answers.h */
    if (site->reason == EXIT_REASON_EPT_VIOLATION)
        *row = exit_row_of_memory(EPT_CLASS_TRAPPED, !((where ^ vm->policy.apic_base) & PAGE_MASK));
    return where;
}

/* What sites are sorted by: their time, or their exits. For the time of one that is not translated its row's average
 * stands. */
static u64 weight_of(const struct translation *site, const struct report_input *input)
{
    const struct exit_statistics *s = input->statistics;
    enum exit_row row;
    place_of(site, input->vm, &row);
    if (!s->timed)
        return site->hits;
    return is_translated(site) ? site->time : tally_average(&s->rows[row]).whole * site->hits;
}

static void insert_site(struct site_list *list, const struct translation *site, const struct report_input *input)
{
    u64 weight = weight_of(site, input);
    u32 at = list->count;
    for (; at > 0 && weight > list->weight[at - 1]; at--)
        if (at < REPORT_SITES) {
            list->site[at] = list->site[at - 1];
            list->weight[at] = list->weight[at - 1];
        }
    if (at == REPORT_SITES || !site->hits)
        return;
    list->site[at] = site;
    list->weight[at] = weight;
    list->count += list->count < REPORT_SITES;
}

void list_sites(struct site_list *list, const struct report_input *input)
{
    const struct sites *sites = input->sites;
    const struct translations_counts *counts = &sites->tc.counts;
    *list = (struct site_list){.figure = {0, 0, TC_CODE, counts->made, counts->lost_to_ring, counts->lost_to_table,
                                          counts->stale, sites->tracker.leaked, sites->tracker.forced, input->rests}};
    for (u32 i = 0; i < TRANSLATIONS; i++) {
        const struct translation *site = &sites->tc.table[i];
        list->figure[0] += site->piece_size != 0;
        list->figure[1] += site->piece_size;
        if (translation_is_there(site))
            insert_site(list, site, input);
    }
    for (u32 i = 0; i < SITE_SKIPS; i++)
        insert_site(list, &sites->skip[i].site, input);
}

/* ---- figures of all of them ---- */

void site_figures(struct json *json, const struct site_list *list)
{
    const char *name = "translations\0"
                       "code_bytes\0"
                       "code_room\0"
                       "translations_made\0"
                       "lost_to_ring\0"
                       "lost_to_table\0"
                       "stale\0"
                       "leaked\0"
                       "forced\0"
                       "rests";
    for (u32 i = 0; i < SITE_FIGURES; i++, name += strlen(name) + 1)
        json_u64(json, name, list->figure[i]);
}

static void say_figures(struct printer *p, const struct site_list *list)
{
    const u64 *figure = list->figure;
    say(p,
        "translations: %lu with %lu of %lu bytes, %lu made, %lu lost to the ring, %lu to the table, %lu stale; %lu "
        "sites leaked, %lu forced; nothing looked up %lu times",
        figure[0], figure[1], figure[2], figure[3], figure[4], figure[5], figure[6], figure[7], figure[8], figure[9]);
    say(p, "site: exits, avoided, cycles, exiting/all instructions, RIP, access; why not more");
}

/* ---- one of them ---- */

/* Its code, as far as it is printed: runs that follow one another in memory are one. */
struct code {
    u32 bytes, runs;
    struct {
        u64 rip;
        u32 bytes;
    } run[REPORT_SITE_RUNS];
};

/* The linear address of its first byte. */
static u64 address_of(const struct translation *site, const struct tc_run *run)
{
    const struct tc_page *page = &site->at[run->page];
    return page->rip + (site->rip - site->rip_offset) + run->offset - (page->gpa.at & ~PAGE_MASK);
}

/* False: no room for it. */
static bool add_run(struct code *code, u64 rip, u32 bytes)
{
    bool follows = code->runs && code->run[code->runs - 1].rip + code->run[code->runs - 1].bytes == rip;
    if (!follows && code->runs == REPORT_SITE_RUNS)
        return false;
    if (!follows)
        code->run[code->runs++].rip = rip;
    code->run[code->runs - 1].bytes += bytes;
    code->bytes += bytes;
    return true;
}

static void measure_code(struct code *code, const struct translation *site)
{
    *code = (struct code){0};
    if (!site->piece_size) { /* what was tried: the instruction that exits */
        code->bytes = site->code_size ? (u32)min_u64(site->source_length, REPORT_SITE_BYTES) : 0;
        return;
    }
    for (u32 i = 0; i < site->runs && code->bytes < REPORT_SITE_BYTES; i++) {
        u32 bytes = (u32)min_u64(site->run[i].length, REPORT_SITE_BYTES - code->bytes);
        if (!add_run(code, address_of(site, &site->run[i]), bytes))
            return;
    }
}

#define BYTES_TEXT (2 * REPORT_SITE_BYTES + 1)

static void write_bytes(char text[BYTES_TEXT], const struct translation *site, const struct code *code)
{
    *text = '\0';
    for (u32 i = 0; i < code->bytes; i++)
        format(text + 2 * i, 3, "%02x", site->source[i]);
}

/* [["0xffffffff81000100",7],...] */
static void json_runs(struct json *json, const struct code *code)
{
    char text[REPORT_SITE_RUNS * 32 + 3];
    u32 used = 0;
    for (u32 i = 0; i < code->runs; i++)
        used += format(text + used, sizeof(text) - used, "%c[\"0x%lx\",%u]", i ? ',' : '[', code->run[i].rip,
                       code->run[i].bytes);
    format(text + used, sizeof(text) - used, "]");
    json_value(json, "runs", text);
}

/* [0,2,...] */
static void json_exits(struct json *json, u64 exits)
{
    char text[64 * 3 + 2] = "[";
    u32 used = 1;
    for (u32 i = 0; i < 64; i++)
        if (exits >> i & 1)
            used += format(text + used, sizeof(text) - used, "%s%u", used > 1 ? "," : "", i);
    format(text + used, sizeof(text) - used, "]");
    json_value(json, "exits", text);
}

static const char *why_of(const struct translation *site)
{
    return cluster_why_text(site->code_size ? (enum cluster_why)site->why : WHY_ANSWERED);
}

static const char *stopper_of(const struct translation *site)
{
    return site->stopper ? op_name((enum op)site->stopper) : "";
}

static void say_site(struct printer *p, const struct report_input *input, const struct translation *site,
                     const char *bytes)
{
    enum exit_row row;
    u64 where = place_of(site, input->vm, &row);
    char time[24] = "-";
    if (input->statistics->timed && is_translated(site))
        format(time, sizeof(time), "%lu", site->time);
    say(p, "%10lu %9lu %13s %2u/%-2u %16lx %s %lx, code (%u bits) %.32s, translated: %s; %s %s", site->hits,
        site->spared, time, site->exiting, site->count, site->rip, exit_row_name(row), where, 8u * site->code_size,
        bytes, is_translated(site) ? "true" : "false", why_of(site), stopper_of(site));
}

static void json_site(struct printer *p, const struct report_input *input, const struct translation *site,
                      const struct code *code, const char *bytes)
{
    enum exit_row row;
    u64 where = place_of(site, input->vm, &row);
    char text[24];
    struct json *json = open_json(p, "site");
    json_u64(json, "count", site->hits);
    json_u64(json, "avoided", site->spared);
    json_u64(json, "exiting", site->exiting);
    json_u64(json, "length", site->count);
    if (input->statistics->timed && is_translated(site))
        json_u64(json, "sum", site->time);
    format(text, sizeof(text), "0x%lx", site->rip);
    json_string(json, "rip", text);
    json_string(json, "exit", exit_row_name(row));
    format(text, sizeof(text), "0x%lx", where);
    json_string(json, "where", text);
    json_u64(json, "bits", 8u * site->code_size);
    json_string(json, "bytes", bytes);
    if (site->piece_size) {
        json_u64(json, "behind", site->behind);
        json_exits(json, site->exits);
    }
    if (code->runs > 1)
        json_runs(json, code);
    json_bool(json, "translated", is_translated(site));
    json_string(json, "why", why_of(site));
    json_string(json, "stopper", stopper_of(site));
    close_json(p, "site");
}

static void site_line(struct printer *p, const struct report_input *input, const struct translation *site, bool json)
{
    char bytes[BYTES_TEXT];
    struct code code;
    measure_code(&code, site);
    write_bytes(bytes, site, &code);
    if (json)
        json_site(p, input, site, &code, bytes);
    else
        say_site(p, input, site, bytes);
}

static void refused_lines(struct printer *p, const struct sites *sites, bool json)
{
    for (u32 why = 0; why < WHY_END; why++) {
        if (!sites->refused[why])
            continue;
        const char *text = cluster_why_text((enum cluster_why)why);
        if (json) {
            json_u64(open_json(p, "refused"), "count", sites->refused[why]);
            json_string(&p->json, "why", text);
            close_json(p, "refused");
        } else {
            say(p, "%10u times not translated: %s", sites->refused[why], text);
        }
    }
}

void site_lines(struct printer *p, const struct report_input *input, const struct site_list *list, bool json)
{
    if (!input->sites)
        return;
    if (!json)
        say_figures(p, list);
    for (u32 i = 0; i < list->count; i++)
        site_line(p, input, list->site[i], json);
    refused_lines(p, input->sites, json);
}
