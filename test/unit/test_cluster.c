/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cluster formation: what each instruction is carried by, known sequences as text (cluster_cases.h, and
 * docs/CLUSTERS.md says the same), and what holds of clusters of random bytes. Runs from the root of the source tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "emul/flags.h"
#include "emul/interp_io.h"
#include "test/unit/carry_cases.h"
#include "test/unit/cluster_cases.h"
#include "test/unit/cluster_text.h"

#define DEFAULT_RIP 0x100000
#define HZ 1000000000ull

/* ---- code that can be read ---- */

struct code {
    u64 rip;
    enum code_size code_size;
    u32 length, fetched;
    u8 bytes[4096];
    bool seen[4096]; /* fetched once already */
    bool again;      /* may be fetched several times */
};

static bool fetch(void *context, u64 rip, struct insn *insn)
{
    struct code *code = context;
    u64 at = rip - code->rip;

    memset(insn, 0xa5, sizeof(*insn)); /* undefined when it cannot be decoded */
    if (at >= code->length)
        return false;
    assert_true(code->again || !code->seen[at]);
    code->seen[at] = true;
    code->fetched++;
    return insn_decode(code->bytes + at, (u32)(code->length - at), code->code_size, insn) == DECODE_OK;
}

static void read_hex(struct code *code, const char *hex)
{
    char *end;

    for (code->length = 0; *hex; hex = end)
        code->bytes[code->length++] = (u8)strtoul(hex, &end, 16);
}

static const struct policy_facts facts = {
    .guards = {.pm1a_control = 0xb004, .pm1a_status = 0xb000, .has_s5 = true},
    .report_at_end = true,
    .console_port = 0x3f8,
    .apic_base = 0xfee00900,
};

static void build_policy(struct policy *policy, enum trap_what trap)
{
    struct trap_request request = {
        .apic = true,
        .dr = trap != TRAP_SOME,
        .tsc = trap == TRAP_TSC,
        .port_count = trap == TRAP_SOME ? 2 : 1,
        .ports = {{0, 0xffff}},
    };

    if (trap == TRAP_SOME) {
        request.ports[0].first = request.ports[0].last = 0x80;
        request.ports[1].first = 0x3f8;
        request.ports[1].last = 0x3ff;
    }
    policy_build(policy, &request, &facts);
}

/* ---- known sequences ---- */

static char actual[8192];

static void form_case(const struct cluster_case *c, struct cluster *cluster)
{
    static struct tracker tracker;
    static struct policy policy;
    static struct code code;
    struct cluster_request request = {
        .code_size = c->code_size,
        .max = c->max ? c->max : 32,
        .flow = c->flow,
        .ports_free = !c->bitmap_asked,
        .policy = &policy,
        .tracker = &tracker,
        .fetch = fetch,
        .context = &code,
        .cs_base = c->cs_base,
        .guards = c->guards_unknown ? NULL : &facts.guards,
    };

    memset(&code, 0, sizeof(code));
    code.rip = c->rip ? c->rip : DEFAULT_RIP >> (c->code_size == CODE_16 ? 8 : 0);
    code.code_size = c->code_size;
    read_hex(&code, c->code);
    code.again = c->start && c->flow == CLUSTER_LOOPS;
    request.rip = code.rip + c->start;
    build_policy(&policy, c->trap);
    tracker_init(&tracker, 3, HZ);
    for (u32 i = 0; i < COUNT_OF(c->seen) && c->seen[i].kind; i++) {
        struct track_cause cause = {c->seen[i].kind, c->seen[i].where};
        tracker_exit(&tracker, c->cs_base + code.rip + c->seen[i].at, cause, HZ);
        if (c->seen[i].at == c->start)
            request.cause = cause;
    }
    cluster_form(&request, cluster);
    assert_true(code.again || code.fetched <= (request.max == 1 ? 1 : CLUSTER_MAX));
}

static void test_cases(void **state)
{
    static struct cluster cluster;
    u32 wrong = 0;

    for (u32 i = 0; i < COUNT_OF(cluster_cases); i++) {
        const struct cluster_case *c = &cluster_cases[i];
        form_case(c, &cluster);
        cluster_text(&cluster, actual, sizeof(actual));
        if (!strcmp(actual, c->text))
            continue;
        fprintf(stderr, "%s is\n%sinstead of\n%s", c->name, actual, c->text);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

/* ---- how instructions are carried ---- */

static void test_carry(void **state)
{
    static const char *const names[] = {"not", "registers", "memory", "jump", "port",     "debug",
                                        "rsp", "stack",     "call",   "ret",  "computed", "perform"};
    static struct code code;
    u32 wrong = 0;

    for (u32 i = 0; i < COUNT_OF(carry_cases); i++) {
        struct insn insn;
        read_hex(&code, carry_cases[i].code);
        assert_int_equal(insn_decode(code.bytes, code.length, carry_cases[i].code_size, &insn), DECODE_OK);
        assert_int_equal(insn.length, code.length);
        enum carry carry = cluster_carry(&insn);
        if (carry == carry_cases[i].carry)
            continue;
        print_error("%s: %s\n", carry_cases[i].text, names[carry]);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

static u32 accesses(enum code_size code_size, const char *hex)
{
    static struct code code;
    struct insn insn;

    read_hex(&code, hex);
    assert_int_equal(insn_decode(code.bytes, code.length, code_size, &insn), DECODE_OK);
    return cluster_accesses(&insn);
}

static void test_accesses(void **state)
{
    assert_int_equal(accesses(CODE_64, "89 c1"), 0);    /* mov %eax,%ecx */
    assert_int_equal(accesses(CODE_64, "8d 08"), 0);    /* lea (%rax),%ecx */
    assert_int_equal(accesses(CODE_64, "0f 1f 00"), 0); /* nopl (%rax) */
    assert_int_equal(accesses(CODE_64, "ec"), 0);       /* in (%dx),%al */
    assert_int_equal(accesses(CODE_64, "89 01"), 1);    /* mov %eax,(%rcx) */
    assert_int_equal(accesses(CODE_64, "ff 00"), 1);    /* incl (%rax) */
    assert_int_equal(accesses(CODE_64, "a0 00 10 00 00 00 00 00 00"), 1);
    assert_int_equal(accesses(CODE_64, "0f ae 38"), 1); /* clflush (%rax) */
    assert_int_equal(accesses(CODE_64, "50"), 1);       /* push %rax */
    assert_int_equal(accesses(CODE_64, "ff 30"), 2);    /* pushq (%rax) */
    assert_int_equal(accesses(CODE_64, "9d"), 1);       /* popf */
    assert_int_equal(accesses(CODE_64, "a4"), 2);       /* movsb */
    assert_int_equal(accesses(CODE_64, "ab"), 1);       /* stosl */
    assert_int_equal(accesses(CODE_64, "6c"), 1);       /* insb */
    assert_int_equal(accesses(CODE_64, "f3 ab"), CLUSTER_ACCESSES_MANY);
    assert_int_equal(accesses(CODE_64, "f2 ae"), CLUSTER_ACCESSES_MANY);
    assert_int_equal(accesses(CODE_64, "f3 50"), 1); /* the prefix means nothing */
}

/* ---- what holds of every cluster ---- */

static u64 random_state = 1;

static u32 random_below(u32 n)
{
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (u32)((random_state >> 33) % n);
}

static bool is_port(const struct insn *insn)
{
    return insn->op >= OP_INS && insn->op <= OP_OUT;
}

static bool jumps(const struct cluster_insn *at)
{
    return at->carry == CARRY_JUMP;
}

static void check_role(const struct cluster_request *request, const struct cluster_insn *at)
{
    switch (at->role) {
    case ROLE_FILLER:
        assert_int_equal(at->would, WOULD_NOT);
        break;
    case ROLE_WEAK:
        assert_true(cluster_accesses(&at->insn));
        assert_int_equal(at->would, at->page == 0xfee00000 ? WOULD_APIC : WOULD_MMIO);
        assert_int_equal(at->page & ~PAGE_MASK, 0);
        break;
    default:
        assert_true(at->would == WOULD_IO_IN || at->would == WOULD_IO_OUT || at->would == WOULD_DR);
        if (at->carry == CARRY_PORT)
            assert_true(policy_port(request->policy, (u16)at->page, io_size(&at->insn)) != PASS && at->page <= 0xffff);
        break;
    }
}

/* What can be reached from instruction `from`; not `past_exits`: without an instruction that would exit. */
static u64 reach(const struct cluster *cluster, u32 from, u64 reached, bool past_exits)
{
    const struct cluster_insn *at = &cluster->at[from];

    if (from >= cluster->count || reached >> from & 1)
        return reached;
    reached |= 1ull << from;
    if (at->role != ROLE_FILLER && !past_exits)
        return reached;
    if (at->target != CLUSTER_OUT)
        reached = reach(cluster, (u32)at->target, reached, past_exits);
    return jumps(at) && at->insn.op == OP_JMP ? reached : reach(cluster, from + 1, reached, past_exits);
}

static void check_target(const struct cluster_request *request, const struct cluster *cluster, u32 i)
{
    const struct cluster_insn *at = &cluster->at[i];
    bool strong = false;

    if (at->target == CLUSTER_OUT) {
        assert_false(at->loops || at->weak);
        return;
    }
    assert_true(jumps(at) && at->target >= 0 && at->target < (s8)cluster->count);
    const struct cluster_insn *to = &cluster->at[at->target];
    assert_int_equal(to->rip, (at->rip + at->insn.length + (u64)at->insn.immediate) & size_mask(at->insn.operand_size));
    assert_true(to->joins);
    assert_int_equal(at->loops, at->target <= (s8)i);
    assert_true(request->flow >= (at->loops ? CLUSTER_LOOPS : CLUSTER_FORWARD));
    if (!at->loops)
        return;
    for (const struct cluster_insn *in = to; in < at; in++)
        strong |= in->role == ROLE_STRONG;
    assert_false(reach(cluster, (u32)at->target, 0, false) >> i & 1);
    assert_int_equal(at->weak, !strong);
    if (!request->ports_free)
        assert_true(at->target > (s8)cluster->entry || !is_port(&cluster->at[cluster->entry].insn));
}

static bool leads_to(const struct cluster *cluster, u32 index)
{
    for (u32 i = 0; i < cluster->count; i++)
        if (cluster->at[i].target == (s8)index)
            return true;
    return false;
}

/* Instructions before the one that exited: a jump back leads to the first of them, and it is taken from behind. */
static void check_entry(const struct cluster_request *request, const struct cluster *cluster)
{
    u32 entry = cluster->entry;

    assert_true(entry < cluster->count && cluster->at[entry].rip == request->rip);
    if (!entry)
        return;
    assert_true(request->flow == CLUSTER_LOOPS && entry <= CLUSTER_BEFORE);
    assert_true(request->rip - cluster->at[0].rip <= CLUSTER_BEFORE_BYTES);
    assert_true(reach(cluster, entry, 0, true) & 1);
    for (u32 i = entry; i < cluster->count; i++)
        assert_true(cluster->at[i].loops || cluster->at[i].target == CLUSTER_OUT || cluster->at[i].target > (s8)entry);
}

static void check_cluster(const struct cluster_request *request, const struct cluster *cluster)
{
    const struct cluster_insn *last = &cluster->at[cluster->count - 1];
    u32 gap = 0, exiting = 0;

    assert_true(cluster->count >= 1 && cluster->count <= (request->max == 1 ? 1 : CLUSTER_MAX));
    assert_true(cluster->code_size == request->code_size);
    check_entry(request, cluster);
    assert_true(cluster->count == 1 || last->role != ROLE_FILLER || last->loops);
    assert_true(cluster->why < WHY_END);
    assert_true(cluster->why != WHY_LIMIT || cluster->count >= request->max);
    for (u32 i = 0; i < cluster->count; i++) {
        const struct cluster_insn *at = &cluster->at[i];
        assert_true(at->carry != CARRY_NOT || cluster->count == 1);
        assert_true(i == 0 || at->rip == at[-1].rip + at[-1].insn.length);
        check_role(request, at);
        check_target(request, cluster, i);
        assert_int_equal(at->joins, leads_to(cluster, i) || (i && i == cluster->entry));
        gap = at->role == ROLE_FILLER ? gap + cluster_accesses(&at->insn) : 0;
        assert_true(gap <= CLUSTER_GAP_MEMORY || cluster->count == 1);
        exiting += at->role != ROLE_FILLER;
        assert_true(i == cluster->entry || request->ports_free || !is_port(&at->insn));
    }
    assert_int_equal(cluster->exiting, exiting);
    assert_true(((last->rip + last->insn.length - 1) >> PAGE_SHIFT) - (cluster->at[0].rip >> PAGE_SHIFT) <= 1 ||
                last->carry == CARRY_NOT);
}

/* Instructions of test_carry(), ports, short jumps; now and then anything. */
static void random_code(struct code *code)
{
    static struct code one;

    for (code->length = 0; code->length < 400;) {
        u8 *to = code->bytes + code->length;
        switch (random_below(16)) {
        case 0 ... 3:
            to[0] = (u8)(0xec + random_below(4));
            code->length++;
            break;
        case 4 ... 5:
            to[0] = (u8)(0x70 + random_below(16));
            to[1] = (u8)(random_below(60) - 30);
            code->length += 2;
            break;
        case 6:
            to[0] = random_below(2) ? 0xeb : 0xe2;
            to[1] = (u8)(random_below(40) - 20);
            code->length += 2;
            break;
        case 7:
            if (!random_below(8))
                to[0] = (u8)random_below(256), code->length++;
            break;
        default:
            read_hex(&one, carry_cases[random_below(COUNT_OF(carry_cases))].code);
            struct insn insn;
            if (insn_decode(one.bytes, one.length, code->code_size, &insn) != DECODE_OK ||
                (cluster_carry(&insn) == CARRY_NOT && random_below(8)))
                break;
            memcpy(to, one.bytes, one.length);
            code->length += one.length;
            break;
        }
    }
}

/* Half of what can exit has been seen to. */
static void random_history(struct tracker *tracker, const struct code *code)
{
    static const u64 pages[] = {0xfee00000, 0xa0000, 0xd0001000};

    tracker_init(tracker, 3, HZ);
    for (u32 at = 0; at < code->length; at++) {
        struct track_cause port = {TRACK_PORT, random_below(0x10000)};
        struct track_cause page = {TRACK_PAGE, pages[random_below(3)] + random_below(4096)};
        if (random_below(2))
            tracker_exit(tracker, code->rip + at, random_below(2) ? port : page, HZ);
    }
}

static void test_random(void **state)
{
    static const enum code_size sizes[] = {CODE_16, CODE_32, CODE_64, CODE_64};
    static struct tracker tracker;
    static struct cluster cluster;
    static struct code code;
    struct policy policies[3];
    u32 long_ones = 0, loops = 0, before = 0;

    for (u32 i = 0; i < COUNT_OF(policies); i++)
        build_policy(&policies[i], (enum trap_what)i);
    for (u32 i = 0; i < 25000; i++) {
        memset(&code, 0, sizeof(code));
        code.code_size = sizes[random_below(4)];
        code.rip = random_below(2) ? 0x4000 : 0x4ff0 - random_below(64);
        random_code(&code);
        random_history(&tracker, &code);
        struct cluster_request request = {
            .rip = code.rip + (random_below(2) ? random_below(120) : 0),
            .code_size = code.code_size,
            .ports_free = random_below(4),
            .policy = &policies[random_below(3)],
            .tracker = random_below(8) ? &tracker : NULL,
            .fetch = fetch,
            .context = &code,
        };
        u32 most = 1 + random_below(CLUSTER_MAX), counts[CLUSTER_LOOPS + 2];
        u64 ends[CLUSTER_LOOPS + 2];
        request.cause = tracker_predict(&tracker, request.rip);
        /* The three methods, and then a lower limit: none of them finds less than the one below it. */
        for (u32 flow = CLUSTER_STRAIGHT; flow <= CLUSTER_LOOPS + 1; flow++) {
            request.flow = flow > CLUSTER_LOOPS ? CLUSTER_LOOPS : flow;
            request.max = flow > CLUSTER_LOOPS ? 1 + most / 2 : most;
            memset(code.seen, 0, sizeof(code.seen));
            code.fetched = 0;
            code.again = request.flow == CLUSTER_LOOPS;
            memset(&cluster, 0x5a, sizeof(cluster));
            cluster_form(&request, &cluster);
            check_cluster(&request, &cluster);
            assert_true(code.again || code.fetched <= (request.max == 1 ? 1 : CLUSTER_MAX));
            counts[flow] = cluster.count;
            ends[flow] = cluster.at[cluster.count - 1].rip;
            before += cluster.entry > 0;
        }
        assert_true(ends[CLUSTER_STRAIGHT] <= ends[CLUSTER_FORWARD]);
        assert_true(ends[CLUSTER_FORWARD] <= ends[CLUSTER_LOOPS]);
        assert_true(most == 1 || ends[CLUSTER_LOOPS + 1] <= ends[CLUSTER_LOOPS]);
        long_ones += counts[CLUSTER_LOOPS] > 8;
        loops += counts[CLUSTER_LOOPS] > counts[CLUSTER_FORWARD];
    }
    assert_true(long_ones > 1000 && loops > 100 && before > 100); /* so it is worth something */
}

/* ---- words ---- */

static void test_why(void **state)
{
    for (u32 why = 0; why < WHY_END; why++) {
        assert_true(strlen(cluster_why_text(why)) > 8);
        for (u32 other = 0; other < why; other++)
            assert_string_not_equal(cluster_why_text(why), cluster_why_text(other));
    }
    assert_non_null(cluster_why_text(WHY_END));
}

static char page[65536];

static int read_page(void **state)
{
    FILE *file = fopen("docs/CLUSTERS.md", "r");
    if (!file) {
        print_error("docs/CLUSTERS.md: run this from the root of the source tree\n");
        return 1;
    }
    size_t length = fread(page, 1, sizeof(page) - 1, file);
    fclose(file);
    page[length] = 0;
    return 0;
}

/* Blocks that begin with ```cluster NAME are the text of that case. */
static void test_doc_examples(void **state)
{
    static const char fence[] = "\n```cluster ";
    u32 examples = 0;

    for (const char *at = strstr(page, fence); at; at = strstr(at, fence), examples++) {
        at += sizeof(fence) - 1;
        size_t name = strcspn(at, "\n");
        const struct cluster_case *c = cluster_cases;
        while (c < cluster_cases + COUNT_OF(cluster_cases) && (strlen(c->name) != name || memcmp(c->name, at, name)))
            c++;
        if (c == cluster_cases + COUNT_OF(cluster_cases))
            fail_msg("no case %.*s", (int)name, at);
        at += name + 1;
        size_t length = strlen(c->text);
        if (strncmp(at, c->text, length) || strncmp(at + length, "```\n", 4))
            fail_msg("docs/CLUSTERS.md shows %s otherwise than\n%s", c->name, c->text);
    }
    assert_true(examples >= 4);
}

/* And all words for why a cluster is not longer stand there. */
static void test_doc_words(void **state)
{
    char row[128];

    for (u32 why = 0; why < WHY_END; why++) {
        snprintf(row, sizeof(row), "\n| %s | ", cluster_why_text(why));
        if (!strstr(page, row))
            fail_msg("missing: %s", row + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_carry),     cmocka_unit_test(test_accesses), cmocka_unit_test(test_cases),
        cmocka_unit_test(test_random),    cmocka_unit_test(test_why),      cmocka_unit_test(test_doc_examples),
        cmocka_unit_test(test_doc_words),
    };
    return cmocka_run_group_tests(tests, read_page, NULL);
}
