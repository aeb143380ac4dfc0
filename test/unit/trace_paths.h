/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest code and paths through it, of which the tests of traces form clusters; the known cases by name. */
#ifndef TEST_UNIT_TRACE_PATHS_H
#define TEST_UNIT_TRACE_PATHS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "emul/decode.h"
#include "test/unit/cluster_text.h"
#include "test/unit/cluster_trace_cases.h"

/* ---- code, and paths through it ---- */

#define CODE_FIRST 0x1000u
#define CODE_SIZE 0x10000u

static u8 code[CODE_SIZE];
static bool there[CODE_SIZE];

static void forget_code(void)
{
    memset(code, 0, sizeof(code));
    memset(there, 0, sizeof(there));
}

static u64 put_byte(u64 rip, u64 byte)
{
    code[rip - CODE_FIRST] = (u8)byte;
    there[rip - CODE_FIRST] = true;
    return rip + 1;
}

static u64 put_bytes(u64 rip, const void *bytes, u32 count)
{
    for (u32 i = 0; i < count; i++)
        rip = put_byte(rip, ((const u8 *)bytes)[i]);
    return rip;
}
#define PUT(rip, ...) put_bytes(rip, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

static bool fetch(void *context, u64 rip, struct insn *insn)
{
    u64 at = rip - CODE_FIRST;
    u32 length = 0;

    memset(insn, 0xa5, sizeof(*insn));
    while (at + length < CODE_SIZE && there[at + length] && length < INSN_MAX)
        length++;
    return length && insn_decode(code + at, length, CODE_64, insn) == DECODE_OK;
}

static struct path path;
static struct policy policy;
static struct cluster cluster;

static void add_step(u64 rip, u32 port, bool begins)
{
    assert_true(path.count < PATH_MAX);
    path.step[path.count++] = (struct path_step){.rip = rip, .port = (u16)port, .begins = begins};
}

static const struct policy_facts facts = {.console_port = 0x3f8, .apic_base = 0xfee00900};

static struct cluster_request request_for_path(void)
{
    const struct trap_request trap = {.apic = true, .dr = true, .port_count = 1, .ports = {{0, 0xffff}}};
    policy_build(&policy, &trap, &facts);
    return (struct cluster_request){
        .rip = path.step[0].rip,
        .code_size = CODE_64,
        .flow = CLUSTER_TRACES,
        .ports_free = true,
        .policy = &policy,
        .cause = {TRACK_PORT, path.step[0].port},
        .fetch = fetch,
        .path = &path,
        .console = true,
    };
}

static u32 form(u32 max)
{
    struct cluster_request request = request_for_path();
    memset(&cluster, 0x5a, sizeof(cluster));
    return trace_form(&request, max, &cluster);
}

static void read_code(const char *text)
{
    u64 at = 0;
    char *end;

    forget_code();
    for (; *text; text = end) {
        u64 value = strtoull(text, &end, 16);
        if (*end == ':')
            at = value, end++;
        else
            at = put_byte(at, value);
    }
}

static void read_path(const char *text)
{
    bool begins = true;
    char *end;

    for (path.count = 0; *text; text = end + strspn(end, " "), begins = false) {
        if (*text == '|')
            begins = true, text++;
        u64 rip = strtoull(text, &end, 16), port = 0;
        if (*end == '/')
            port = strtoull(end + 1, &end, 16);
        add_step(rip, (u32)port, begins);
    }
}

static void form_case(const struct trace_case *c)
{
    read_code(c->code);
    read_path(c->path);
    assert_int_equal(form(c->max ? c->max : CLUSTER_NODES), c->exits);
}

static const struct trace_case *case_of(const char *name, size_t length)
{
    for (u32 i = 0; i < COUNT_OF(trace_cases); i++)
        if (strlen(trace_cases[i].name) == length && !memcmp(trace_cases[i].name, name, length))
            return &trace_cases[i];
    fail_msg("no case %.*s", (int)length, name);
    return NULL;
}

#endif
