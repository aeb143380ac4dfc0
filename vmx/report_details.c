/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/report_details.h"

#include "emul/policy.h"
#include "lib/msr.h"
#include "lib/string.h"

#define NAME_MAX 40

/* ---- names ---- */

/* By SDM "CPUID - CPU Identification", and what hypervisors and other makers have. */
static const struct {
    u32 leaf;
    char name[20];
} leaves[] = {
    {0x0, "vendor"},
    {0x1, "features"},
    {0x2, "caches"},
    {0x4, "caches"},
    {0x5, "MONITOR"},
    {0x6, "power"},
    {0x7, "features"},
    {0xa, "PMU"},
    {0xb, "topology"},
    {0xd, "XSAVE"},
    {0xf, "RDT"},
    {0x10, "RDT"},
    {0x15, "TSC"},
    {0x16, "frequency"},
    {0x1f, "topology"},
    {0x40000000, "hypervisor"},
    {0x80000000, "extended"},
    {0x80000001, "features"},
    {0x80000002, "brand"},
    {0x80000003, "brand"},
    {0x80000004, "brand"},
    {0x80000007, "power"},
    {0x80000008, "address sizes"},
};

static const char *leaf_name(u64 leaf)
{
    for (u32 i = 0; i < COUNT_OF(leaves); i++)
        if (leaves[i].leaf == leaf)
            return leaves[i].name;
    return "";
}

static const char *hypercall_name(u64 function)
{
    switch (function) {
    case HYPERCALL_RESET:
        return "reset";
    case HYPERCALL_REPORT:
        return "report";
    case HYPERCALL_MARK:
        return "mark";
    case HYPERCALL_COUNTER:
        return "counter";
    default:
        return "";
    }
}

/* What PCs have there. */
static const char *page_name(u64 page)
{
    if (page >= 0xa0 && page < 0xc0)
        return "VGA";
    if (page >= 0xfec00 && page < 0xfed00)
        return "I/O APIC";
    return page == 0xfed00 ? "HPET" : "";
}

static const char *known(const char *name)
{
    return name && strcmp(name, "other") ? name : "";
}

/* SDM "Exit Qualification for Control-Register Accesses": bits 5:4. */
static void name_cr_access(char name[NAME_MAX], u64 where)
{
    static const char how[4][12] = {"MOV to CR", "MOV from CR", "CLTS", "LMSW"};
    u32 access = where >> 4 & 3;
    format(name, NAME_MAX, access < 2 ? "%s%lu" : "%s", how[access], where & 15);
}

/* Fixed ones. */
static const char *name_of(const struct guard_config *guards, enum exit_row row, u64 where)
{
    switch ((u32)row) {
    case ROW_IO_IN:
    case ROW_IO_OUT:
        return known(port_name_here(guards, (u16)where));
    case EXIT_REASON_APIC_ACCESS:
        return apic_register_name((u32)where);
    case ROW_X2APIC_READ:
    case ROW_X2APIC_WRITE:
        return apic_register_name((u32)(where - MSR_X2APIC_FIRST) * 16);
    case EXIT_REASON_RDMSR:
    case EXIT_REASON_WRMSR:
        return known(msr_name((u32)where));
    case EXIT_REASON_CPUID:
        return leaf_name(where);
    case EXIT_REASON_VMCALL:
        return hypercall_name(where);
    case ROW_MMIO:
        return page_name(where);
    default:
        return "";
    }
}

static void name_detail(char name[NAME_MAX], const struct guard_config *guards, u64 key)
{
    enum exit_row row = key_row(key);
    u64 where = key_where(key);
    if (where == DETAIL_SEVERAL)
        format(name, NAME_MAX, "%s", key_is_io(key) ? "several ports" : "several registers");
    else if (key_is_caused(key))
        format(name, NAME_MAX, "%s", violation_cause_text((enum violation_cause)where));
    else if ((u32)row == EXIT_REASON_CR_ACCESS)
        name_cr_access(name, where);
    else if ((u32)row == EXIT_REASON_MOV_DR)
        format(name, NAME_MAX, "DR%lu", where);
    else
        format(name, NAME_MAX, "%s", name_of(guards, row, where));
}

/* The number that is printed; false: there is none. */
static bool place_of(u64 key, u64 *place)
{
    *place = key_where(key);
    if (key_row(key) == ROW_MMIO)
        *place <<= 12;
    if ((u32)key_row(key) == EXIT_REASON_CR_ACCESS)
        *place &= 15;
    return key_where(key) != DETAIL_SEVERAL && !key_is_caused(key);
}

/* ---- lines ---- */

struct words {
    char where[24], name[NAME_MAX];
    u32 size;
};

static void say_detail(struct printer *p, const struct details *details, u32 row, const struct words *words,
                       const struct account *account)
{
    char sum[24] = "-", size[24] = "";
    if (details->statistics->timed)
        format(sum, sizeof(sum), "%lu", account->time);
    if (words->size)
        format(size, sizeof(size), ", %u byte%s", words->size, words->size > 1 ? "s" : "");
    say(p, "%10lu %14s %s%s%s%s%s%s", account->count, sum, exit_row_name((enum exit_row)row), *words->where ? " " : "",
        words->where, *words->name ? " " : "", words->name, size);
}

static void json_detail(struct printer *p, const struct details *details, u32 row, const struct words *words,
                        const struct account *account)
{
    struct json *json = open_json(p, "detail");
    json_string(json, "row", exit_row_name((enum exit_row)row));
    json_string(json, "where", words->where);
    json_string(json, "name", words->name);
    json_u64(json, "size", words->size);
    json_u64(json, "count", account->count);
    if (details->statistics->timed)
        json_u64(json, "sum", account->time);
    close_json(p, "detail");
}

static void print_detail(struct printer *p, struct details *details, u32 row, const struct words *words,
                         const struct account *account)
{
    if (!details->printed++ && !details->json)
        say(p, "of these: exits, cycles, type, place");
    if (details->json)
        json_detail(p, details, row, words, account);
    else
        say_detail(p, details, row, words, account);
}

static void print_known(struct printer *p, struct details *details, const struct detail *detail)
{
    struct words words = {.size = key_where(detail->key) == DETAIL_SEVERAL ? 0 : key_size(detail->key)};
    u64 place;
    if (place_of(detail->key, &place))
        format(words.where, sizeof(words.where), "0x%lx", place);
    name_detail(words.name, details->guards, detail->key);
    print_detail(p, details, key_row(detail->key), &words, &detail->account);
}

/* ---- which ---- */

/* In the order of printing; of equal ones the first in the table. */
static bool before(const struct detail *a, const struct detail *b)
{
    if (a->account.time != b->account.time)
        return a->account.time > b->account.time;
    return a->account.count != b->account.count ? a->account.count > b->account.count : a < b;
}

/* The one that comes next behind `last` (NULL: the first); NULL: no more. */
static const struct detail *next_detail(const struct exit_statistics *s, u32 row, const struct detail *last)
{
    const struct detail *next = NULL;
    for (u32 i = 0; i < DETAILS; i++) {
        const struct detail *at = &s->detail[i];
        if (key_row(at->key) == row && at->key & KEY_IS_DETAIL && at->account.count && (!last || before(last, at)) &&
            (!next || before(at, next)))
            next = at;
    }
    return next;
}

/* All of the row that has not been printed. */
static struct account rest_of(const struct exit_statistics *s, u32 row, const struct detail *last)
{
    struct account rest = s->other[row];
    for (u32 i = 0; i < DETAILS; i++) {
        const struct detail *at = &s->detail[i];
        bool is_known = at->key & KEY_IS_DETAIL;
        if (!at->key || key_row(at->key) != row || (is_known && last && !before(last, at)))
            continue;
        rest.count += at->account.count;
        rest.time += at->account.time;
    }
    return rest;
}

void details_of_row(struct printer *p, struct details *details, u32 row)
{
    const struct exit_statistics *s = details->statistics;
    const struct detail *last = NULL, *next = next_detail(s, row, NULL);
    if (!next)
        return;
    for (u32 i = 0; next && i < DETAILS_OF_ROW && details->printed < DETAILS_PRINTED; i++) {
        print_known(p, details, next);
        last = next;
        next = next_detail(s, row, last);
    }
    struct account rest = rest_of(s, row, last);
    if (rest.count)
        print_detail(p, details, row, &(struct words){.name = "other"}, &rest);
}
