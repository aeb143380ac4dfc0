/* SPDX-License-Identifier: BSD-2-Clause */
/* Traces of random paths, and of the known ones: what holds of every trace, and of one that grows. */
#include "emul/assess.h"
#include "test/unit/trace_paths.h"

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
        cmocka_unit_test(test_paths_to),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_grow),
        cmocka_unit_test(test_grow_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
