/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traces: known ones as text (cluster_trace_cases.h; docs/CLUSTERS.md shows some), their limits, and what holds of
 * those of random paths. Runs from the root of the source tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "emul/assess.h"
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

/* ---- known traces ---- */

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

static void test_cases(void **state)
{
    static char actual[16384];
    u32 wrong = 0;

    for (u32 i = 0; i < COUNT_OF(trace_cases); i++) {
        form_case(&trace_cases[i]);
        cluster_text(&cluster, actual, sizeof(actual));
        if (!strcmp(actual, trace_cases[i].text))
            continue;
        fprintf(stderr, "%s is\n%sinstead of\n%s", trace_cases[i].name, actual, trace_cases[i].text);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

/* Blocks of docs/CLUSTERS.md that begin with ```trace NAME are the text of that case. */
static void test_doc(void **state)
{
    static const char fence[] = "\n```trace ";
    static char page[65536];
    u32 examples = 0;
    FILE *file = fopen("docs/CLUSTERS.md", "r");

    assert_non_null(file);
    page[fread(page, 1, sizeof(page) - 1, file)] = 0;
    fclose(file);
    for (const char *at = strstr(page, fence); at; at = strstr(at, fence), examples++) {
        at += sizeof(fence) - 1;
        const struct trace_case *c = case_of(at, strcspn(at, "\n"));
        size_t length = strlen(c->text);
        at += strlen(c->name) + 1;
        if (strncmp(at, c->text, length) || strncmp(at + length, "```\n", 4))
            fail_msg("docs/CLUSTERS.md shows %s otherwise than\n%s", c->name, c->text);
    }
    assert_true(examples >= 2);
}

/* ---- limits ---- */

/* IN AL, DX; `count` NOPs; IN AL, DX. */
static u32 exits_over_gap(u32 count)
{
    forget_code();
    path.count = 0;
    u64 rip = PUT(0x1000, 0xec);
    add_step(0x1000, 0x60, true);
    for (u32 i = 0; i < count; i++, rip++) {
        put_byte(rip, 0x90);
        add_step(rip, 0x60, false);
    }
    put_byte(rip, 0xec);
    add_step(rip, 0x60, false);
    return form(CLUSTER_NODES);
}

static void test_gap(void **state)
{
    assert_int_equal(exits_over_gap(TRACE_GAP), 2);
    assert_int_equal(cluster.count, TRACE_GAP + 2);
    assert_int_equal(cluster.why, WHY_PATH);
    assert_int_equal(exits_over_gap(TRACE_GAP + 1), 1);
}

static void test_instructions(void **state)
{
    forget_code();
    path.count = 0;
    for (u32 i = 0; i < CLUSTER_NODES + 100; i++) {
        put_byte(0x1000 + i, 0xec);
        add_step(0x1000 + i, 0x60, i == 0);
    }
    assert_int_equal(form(4), 4);
    assert_int_equal(cluster.count, 4);
    assert_int_equal(cluster.why, WHY_LIMIT);
    assert_int_equal(form(CLUSTER_NODES), CLUSTER_NODES);
    assert_int_equal(cluster.exiting, CLUSTER_NODES);
    assert_int_equal(form(1), 1);
}

/* IN; JMP to the same in the next page. */
static void test_pages(void **state)
{
    forget_code();
    path.count = 0;
    for (u64 rip = 0x1000; rip < (CLUSTER_TRACE_PAGES + 3) * PAGE_SIZE; rip += PAGE_SIZE) {
        PUT(rip, 0xec, 0xe9, 0xfa, 0x0f, 0, 0);
        add_step(rip, 0x60, rip == 0x1000);
        add_step(rip + 1, 0x60, false);
    }
    assert_int_equal(form(CLUSTER_NODES), CLUSTER_TRACE_PAGES);
    assert_int_equal(cluster.count, 2 * CLUSTER_TRACE_PAGES - 1);
    assert_int_equal(cluster.why, WHY_PAGES);
    /* An instruction that begins in the last one and ends beyond it. */
    const u64 last = CLUSTER_TRACE_PAGES * PAGE_SIZE, end = last + PAGE_SIZE - 1;
    PUT(last + 1, 0xe9, 0xf9, 0x0f, 0, 0); /* JMP end */
    PUT(end, 0xe6, 0x80);
    path.count = 2 * CLUSTER_TRACE_PAGES;
    add_step(end, 0x60, false);
    assert_int_equal(form(CLUSTER_NODES), CLUSTER_TRACE_PAGES);
    assert_int_equal(cluster.why, WHY_PAGES);
}

/* IN; JMP RAX to one of many, each of which jumps back. */
static void test_ways(void **state)
{
    const u32 most = CLUSTER_WAYS + 6;
    forget_code();
    path.count = 0;
    PUT(0x1000, 0xec, 0xff, 0xe0);
    for (u32 i = 0; i < most; i++) {
        u64 rip = 0x2000 + 8 * i;
        u32 back = (u32)(0x1000 - (rip + 5));
        put_bytes(put_byte(rip, 0xe9), &back, 4);
        add_step(0x1000, 0x60, i == 0);
        add_step(0x1001, 0x60, false);
        add_step(rip, 0x60, false);
    }
    add_step(0x1000, 0x60, false);
    assert_int_equal(form(CLUSTER_NODES), most + 1);
    assert_int_equal(cluster.ways, CLUSTER_WAYS);
    assert_int_equal(cluster.count, most + 2);
}

/* Nothing is made of a path that has no other exit. */
static void test_nothing(void **state)
{
    read_code("1000: ec a8 01 74 fc c3");
    read_path("1000/60 1001 1003 1005");
    assert_int_equal(form(CLUSTER_NODES), 1);
    read_path("1000/60");
    assert_int_equal(form(CLUSTER_NODES), 1);
    read_path("1000/60 1001 1003 1001 1003"); /* code that was changed meanwhile: the edge is not there */
    assert_int_equal(form(CLUSTER_NODES), 1);
    read_code("1000: f4");
    read_path("1000/60");
    assert_int_equal(form(CLUSTER_NODES), 0);
}

/* What comes behind the last exit is not made, where that is known before; why the path ends there is. */
static void check_tail(u32 first, enum cluster_why why)
{
    static struct cluster whole;
    u32 exits = form(CLUSTER_NODES);
    whole = cluster;
    path.step[first].tail = true;
    assert_int_equal(form(CLUSTER_NODES), exits);
    assert_int_equal(cluster.why, why);
    assert_int_equal(whole.why, why);
    assert_int_equal(cluster.count, whole.count);
    for (u32 i = 0; i < cluster.count; i++) {
        assert_int_equal(cluster.at[i].rip, whole.at[i].rip);
        assert_int_equal(cluster.at[i].next, whole.at[i].next);
        assert_int_equal(cluster.at[i].target, whole.at[i].target);
    }
}

static void test_tail(void **state)
{
    read_code("1000: ec a8 01 74 fb 90 90 90"); /* IN AL, DX; TEST AL, 1; JZ to IN; NOP... */
    read_path("1000/60 1001 1003 1000/60 1001 1003 1005 1006 1007");
    check_tail(4, WHY_PATH);
    assert_int_equal(cluster.at[2].target, 0);
    for (u32 more = 0; more < 2; more++) {
        read_code("1000: ec ec");
        read_path("1000/60 1001/60");
        for (u32 i = 0; i < TRACE_GAP + more; i++) {
            put_byte(0x1002 + i, 0x90);
            add_step(0x1002 + i, 0x60, false);
        }
        check_tail(2, more ? WHY_COMPLETE : WHY_PATH);
    }
}

/* What leads back to where an exit follows is made, though none follows on its own path. */
static void test_back(void **state)
{
    static const char *const paths[] = {
        "1000/60 1001 1003 1005 1006 1007/80 | 1000/60 1001 1003 1009 100a",
        "1000/60 1001 1003 1005 1006 1007/80 | 1000/60 1001 1003 1009 100a 1006",
    };
    read_code("1000: ec a8 01 74 04 90 90 e6 80 90 eb fa"); /* IN; TEST; JZ to the third NOP; NOP; NOP; OUT; NOP; JMP */
    read_path(paths[0]);
    assert_int_equal(form(CLUSTER_NODES), 3);
    assert_int_equal(cluster.count, 6);
    assert_int_equal(cluster.at[2].target, CLUSTER_OUT);
    read_path(paths[1]);
    assert_int_equal(form(CLUSTER_NODES), 3);
    assert_int_equal(cluster.count, 8);
    assert_int_equal(cluster.at[2].target, 6);
    assert_int_equal(cluster.at[7].target, 4);
}

/* ---- what holds of every trace ---- */

static bool is_edge(u32 from, u32 to)
{
    const struct cluster_insn *at = &cluster.at[from];
    bool edge = at->next == (int)to || at->target == (int)to;

    for (u32 way = at->way; way != CLUSTER_NO_WAY; way = cluster.way[way].other)
        edge |= cluster.way[way].to == (int)to;
    return edge;
}

static bool is_flow(const struct cluster_insn *at)
{
    return at->insn.op == OP_CALL || at->insn.op == OP_RET || at->insn.op == OP_JMP;
}

/* It leads to the instruction at `rip`, which has a label if it is not simply the next. */
static void check_edge(u32 from, int to, u64 rip)
{
    if (to == CLUSTER_OUT)
        return;
    assert_true(to >= 0 && to < (int)cluster.count);
    assert_true(cluster.at[to].rip == rip);
    assert_true(to == (int)from + 1 || cluster.at[to].joins);
    assert_true(to > (int)from || cluster.at[from].loops);
}

static u32 check_ways(u32 from)
{
    u32 count = 0;

    for (u32 i = cluster.at[from].way; i != CLUSTER_NO_WAY; i = cluster.way[i].other, count++) {
        assert_true(i < cluster.ways && count < CLUSTER_WAYS);
        check_edge(from, cluster.way[i].to, cluster.way[i].rip);
        for (u32 other = cluster.way[i].other; other != CLUSTER_NO_WAY; other = cluster.way[other].other)
            assert_true(cluster.way[other].rip != cluster.way[i].rip);
    }
    assert_true(!count || (is_flow(&cluster.at[from]) && !assess_direct(&cluster.at[from])));
    return count;
}

static void check_trace(u32 max)
{
    u32 exiting = 0, ways = 0;

    assert_true(cluster.traced && cluster.entry == 0 && cluster.code_size == CODE_64);
    assert_true(cluster.count >= 1 && cluster.count <= max && cluster.ways <= CLUSTER_WAYS);
    assert_true(cluster.why < WHY_END && cluster.at[0].rip == path.step[0].rip);
    for (u32 i = 0; i < cluster.count; i++) {
        const struct cluster_insn *at = &cluster.at[i];
        struct insn insn;
        assert_true(fetch(NULL, at->rip, &insn) && insn.op == at->insn.op && at->carry != CARRY_NOT);
        check_edge(i, at->next, at->rip + at->insn.length);
        check_edge(i, at->target, assess_target(at));
        assert_true(at->next == CLUSTER_OUT || !is_flow(at));
        ways += check_ways(i);
        exiting += at->role != ROLE_FILLER;
    }
    assert_int_equal(cluster.exiting, exiting);
    assert_true(ways <= cluster.ways); /* those of what was cut off are still there */
}

/* The instruction that the cluster goes to from `from` where the guest goes to `rip`. */
static int follow(u32 from, u64 rip)
{
    const struct cluster_insn *at = &cluster.at[from];

    for (u32 way = at->way; way != CLUSTER_NO_WAY; way = cluster.way[way].other)
        if (cluster.way[way].rip == rip)
            return cluster.way[way].to;
    if (at->target != CLUSTER_OUT && cluster.at[at->target].rip == rip)
        return at->target;
    return at->next != CLUSTER_OUT && cluster.at[at->next].rip == rip ? at->next : CLUSTER_OUT;
}

/* How many exits the cluster avoids, the first among them, taking the first path again. */
static u32 exits_avoided(void)
{
    u32 exits = 1;
    int at = 0;

    for (u32 i = 1; i < path.count && !path.step[i].begins; i++) {
        at = follow((u32)at, path.step[i].rip);
        if (at == CLUSTER_OUT)
            break;
        exits += cluster.at[at].role != ROLE_FILLER;
    }
    return exits;
}

/* Steps from the entry to each instruction that one leads to; of traces of a single path that is every one. */
static void check_paths_to(bool every)
{
    static struct path way;

    for (u32 to = 0; to < cluster.count; to++) {
        u32 at = 0;
        way.count = 1;
        if (!trace_path_to(&cluster, to, &way)) {
            assert_true(!every && way.count == 1);
            continue;
        }
        assert_true(way.step[1].begins && way.step[1].rip == cluster.at[0].rip);
        assert_true(way.step[way.count - 1].rip == cluster.at[to].rip);
        for (u32 i = 2; i < way.count; i++, at = (u32)follow(at, way.step[i - 1].rip))
            assert_true(!way.step[i].begins && follow(at, way.step[i].rip) != CLUSTER_OUT);
        assert_int_equal(trace_paths(&way), 1 + way.step[0].begins);
        way.count = PATH_MAX;
        assert_false(trace_path_to(&cluster, to, &way));
    }
    way.count = 0;
    assert_false(trace_path_to(&cluster, cluster.count, &way));
}

static void test_paths_to(void **state)
{
    static struct path way;

    for (u32 i = 0; i < COUNT_OF(trace_cases); i++) {
        form_case(&trace_cases[i]);
        check_trace(CLUSTER_NODES);
        check_paths_to(true);
    }
    form_case(case_of("linux-8250", 10));
    way.count = 0;
    assert_true(trace_path_to(&cluster, 8, &way)); /* JNZ, of the first round */
    assert_int_equal(way.count, 9);
    assert_int_equal(way.step[0].port, 0x3fd);
    assert_true(is_edge(3, 4));
}

static void test_exits_in(void **state)
{
    for (u32 i = 0; i < COUNT_OF(trace_cases); i++) {
        form_case(&trace_cases[i]);
        assert_int_equal(trace_exits_in(&path, &cluster) >= trace_cases[i].exits, trace_paths(&path) == 1);
    }
    form_case(case_of("two-callers", 11));
    read_path("2000/60 2001 100a 2222 2000/64");
    assert_int_equal(trace_exits_in(&path, &cluster), 1);
    read_path("2000/60 2001 100a 100f 2000/64 | 2000/64");
    assert_int_equal(trace_exits_in(&path, &cluster), 2);
    read_path("2222");
    assert_int_equal(trace_exits_in(&path, &cluster), 0);
}

/* ---- random paths ---- */

static u64 random_state = 1;

static u32 random_below(u32 n)
{
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (u32)((random_state >> 33) % n);
}

#define PLACES 40 /* instructions, each followed by some others */
static u64 place[PLACES];

static u64 any_place(void)
{
    return place[random_below(PLACES)];
}

static u64 put_relative(u64 rip, u64 opcode)
{
    u32 displacement = (u32)(any_place() - (rip + (opcode > 0xff ? 6 : 5)));
    if (opcode > 0xff)
        rip = put_byte(rip, opcode >> 8);
    return put_bytes(put_byte(rip, opcode & 0xff), &displacement, 4);
}

static void random_piece(u64 rip)
{
    for (u32 i = 1 + random_below(4); i; i--)
        switch (random_below(12)) {
        case 0 ... 2:
            rip = PUT(rip, (u8)(0xec + random_below(4)));
            break;
        case 3:
            rip = PUT(rip, 0xe6, 0x80);
            break;
        case 4:
            rip = put_relative(rip, 0xe8);
            break;
        case 5:
            rip = put_relative(rip, 0x0f80 + random_below(16));
            break;
        case 6:
            rip = PUT(rip, 0xff, random_below(2) ? 0xd0 : 0xe0); /* CALL, JMP RAX */
            break;
        case 7:
            rip = PUT(rip, (u8)(0x50 + random_below(2) * 8)); /* PUSH, POP RAX */
            break;
        case 8:
            rip = PUT(rip, 0x8b, 0x03); /* MOV EAX, [RBX] */
            break;
        default:
            rip = PUT(rip, 0x90);
            break;
        }
    if (random_below(2))
        PUT(rip, 0xc3);
    else
        put_relative(rip, random_below(30) ? 0xe9 : 0xe8);
}

static void random_code(void)
{
    u32 spread = random_below(3) ? 0x1000 : 0xe000;

    forget_code();
    for (u32 i = 0; i < PLACES; i++)
        place[i] = CODE_FIRST + (random_below(spread / 64) * 64) + (i ? 0 : 1);
    for (u32 i = 0; i < PLACES; i++)
        if (!there[place[i] - CODE_FIRST])
            random_piece(place[i]);
}

/* Where the guest may go from there; `stack` is its own. */
static u64 random_next(const struct insn *insn, u64 rip, u64 stack[16], u32 *top)
{
    u64 next = rip + insn->length, target = next + (u64)insn->immediate;
    bool direct = insn->operand[0].kind == OPERAND_RELATIVE;

    switch (insn->op) {
    case OP_CALL:
        stack[(*top)++ % 16] = next;
        return direct ? target : any_place();
    case OP_RET:
        return *top && random_below(12) ? stack[--*top % 16] : any_place();
    case OP_JMP:
        return direct ? target : any_place();
    case OP_JCC:
        return random_below(2) ? target : next;
    default:
        return next;
    }
}

/* From the entry, an IN, which stands at the first place. */
static void random_path(u32 steps)
{
    u64 rip = place[0], stack[16] = {0};
    u32 top = 0;
    struct insn insn;

    for (u32 i = 0; i < steps && fetch(NULL, rip, &insn); i++) {
        add_step(rip, 0x60 + (rip & 1), i == 0);
        rip = random_next(&insn, rip, stack, &top);
    }
}

static void test_random(void **state)
{
    u32 made = 0, long_ones = 0, loops = 0, ways = 0, limits[WHY_END] = {0};

    for (u32 i = 0; i < 3000; i++) {
        u32 max = random_below(3) ? CLUSTER_NODES : 2 + random_below(60),
            paths = random_below(3) ? 1 : 1 + random_below(4);
        path.count = 0;
        random_code();
        PUT(place[0], 0xec);
        for (u32 n = 0; n < paths; n++)
            random_path(1 + random_below(n ? 200 : 400));
        u32 exits = form(max);
        if (exits < 2)
            continue;
        check_trace(max);
        check_paths_to(paths == 1 && cluster.ways < CLUSTER_WAYS);
        if (paths == 1 && cluster.ways < CLUSTER_WAYS)
            assert_int_equal(exits_avoided(), exits);
        for (u32 n = 0; n < cluster.count; n++)
            loops += cluster.at[n].loops;
        limits[cluster.why]++;
        made++;
        long_ones += cluster.count > 50;
        ways += cluster.ways;
    }
    assert_true(made > 1000 && long_ones > 100 && loops > 1000 && ways > 1000); /* so it is worth something */
    assert_true(limits[WHY_PATH] && limits[WHY_LIMIT] && limits[WHY_PAGES]);
}

/* ---- growing ---- */

/* Random code, and paths[] of it in a row, the first of which are `first` of the steps. */
static u32 random_paths(u32 first, u32 more)
{
    u32 steps = 0;

    path.count = 0;
    random_code();
    PUT(place[0], 0xec);
    for (u32 n = 0; n < first + more; n++) {
        random_path(1 + random_below(200));
        steps = n + 1 == first ? path.count : steps;
    }
    return steps;
}

/* By the paths behind the first `steps`, it is the same as if formed from all at once. Whether there was news. */
static bool grow_by_rest(u32 steps)
{
    static struct cluster grown;
    u32 all = path.count;

    path.count = steps;
    form(CLUSTER_NODES);
    path.count = all;
    struct cluster_request request = request_for_path();
    if (!cluster.count) /* nothing was made */
        return assert_false(trace_can_grow(&request, &cluster)), false;
    u32 edges = trace_edges(&cluster);
    assert_true(trace_can_grow(&request, &cluster));
    u32 exits = trace_grow(&request, &cluster);
    check_trace(CLUSTER_NODES);
    bool news = trace_edges(&cluster) > edges;
    grown = cluster;
    assert_int_equal(form(CLUSTER_NODES), exits);
    assert_int_equal(grown.count, cluster.count);
    assert_int_equal(grown.exiting, cluster.exiting);
    assert_int_equal(grown.why, cluster.why);
    for (u32 i = 0; i < cluster.count; i++)
        assert_true(grown.at[i].rip == cluster.at[i].rip && grown.at[i].role == cluster.at[i].role);
    return news;
}

static void test_grow(void **state)
{
    u32 news = 0, no_news = 0;

    for (u32 i = 0; i < 2000; i++) {
        u32 steps = random_paths(1 + random_below(2), 1 + random_below(3));
        if (grow_by_rest(steps))
            news++;
        else
            no_news++;
    }
    assert_true(news > 300 && no_news > 100);
    read_code("1000: ec a8 20 74 fb ec"); /* IN AL, DX; TEST AL, 20H; JZ to IN; IN AL, DX */
    read_path("1000/60 1001 1003 1000/60 | 1000/60 1001 1003 1000/60");
    assert_false(grow_by_rest(4));
    read_path("1000/60 1001 1003 1000/60 | 1000/60 1001 1003 1005/60");
    assert_true(grow_by_rest(4));
}

/* What a request has that forming goes by. */
static void test_grow_otherwise(void **state)
{
    static struct cluster other;
    static struct path another;
    struct cluster_request r;

    read_code("1000: ec a8 20 74 fb ec");
    read_path("1000/60 1001 1003 1000/60");
    form(CLUSTER_NODES);
    r = request_for_path();
    assert_true(trace_can_grow(&r, &cluster));
    other = cluster;
    assert_false(trace_can_grow(&r, &other));
#define OTHERWISE(member, value)                                                                                       \
    do {                                                                                                               \
        r = request_for_path();                                                                                        \
        r.member = (value);                                                                                            \
        assert_false(trace_can_grow(&r, &cluster));                                                                    \
    } while (0)
    OTHERWISE(rip, 0x1001);
    OTHERWISE(code_size, CODE_32);
    OTHERWISE(user, true);
    OTHERWISE(ports_free, false);
    OTHERWISE(cs_base, 0x10);
    OTHERWISE(cs_limit, 0xffff);
    OTHERWISE(cause.kind, TRACK_PAGE);
    OTHERWISE(path, &another);
    path.count--;
    r = request_for_path();
    assert_false(trace_can_grow(&r, &cluster));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),    cmocka_unit_test(test_doc),
        cmocka_unit_test(test_gap),      cmocka_unit_test(test_instructions),
        cmocka_unit_test(test_pages),    cmocka_unit_test(test_ways),
        cmocka_unit_test(test_nothing),  cmocka_unit_test(test_paths_to),
        cmocka_unit_test(test_exits_in), cmocka_unit_test(test_random),
        cmocka_unit_test(test_tail),     cmocka_unit_test(test_back),
        cmocka_unit_test(test_grow),     cmocka_unit_test(test_grow_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
