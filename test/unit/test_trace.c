/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traces: known ones as text (cluster_trace_cases.h; docs/CLUSTERS.md shows some), and their limits. Runs from the root
 * of the source tree.
 */
#include "emul/assess.h"
#include "test/unit/trace_paths.h"

/* ---- known traces ---- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),        cmocka_unit_test(test_doc),      cmocka_unit_test(test_gap),
        cmocka_unit_test(test_instructions), cmocka_unit_test(test_pages),    cmocka_unit_test(test_ways),
        cmocka_unit_test(test_nothing),      cmocka_unit_test(test_exits_in), cmocka_unit_test(test_tail),
        cmocka_unit_test(test_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
