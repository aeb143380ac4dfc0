/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/msr.h"
#include "lib/vcpu.h"
#include "test/data/cpuid_dumps.h"
#include "vmx/cpuid_policy.h"

enum { A, B, C, D };

static const struct cpuid_facts all = {true, true, true, true, true, true};
static const struct cpuid_facts none;
static const struct cpuid_state quiet = {.apic_base = 0xfee00900, .xsave_size = 0x240};
static struct cpuid_table table;

/* A processor of captured leaves, and how often it was asked. */
struct dump {
    u32 model;
    u32 executed;
};

static void read_dump(void *context, u32 leaf, u32 subleaf, u32 out[4])
{
    struct dump *dump = context;
    dump->executed++;
    memset(out, 0, 16);
    for (u32 i = 0; i < captured_cpuids[dump->model].count; i++) {
        const struct captured_cpuid *row = &captured_cpuids[dump->model].rows[i];
        if (row->leaf == leaf && row->subleaf == subleaf)
            memcpy(out, row->reg, 16);
    }
}

static struct dump dump_of(const char *name)
{
    for (u32 i = 0; i < COUNT_OF(captured_cpuids); i++) {
        if (strcmp(captured_cpuids[i].model, name) == 0)
            return (struct dump){.model = i};
    }
    fail_msg("no dump of %s", name);
    return (struct dump){0};
}

static void build(const char *name, const struct cpuid_facts *facts)
{
    struct dump dump = dump_of(name);
    assert_int_equal(cpuid_table_build(&table, read_dump, &dump, facts), CPUID_OK);
}

static u32 answer(u32 leaf, u32 subleaf, u32 reg)
{
    u32 out[4];
    cpuid_answer(&table, leaf, subleaf, &quiet, out);
    return out[reg];
}

static u32 answer_in(const struct cpuid_state *guest, u32 leaf, u32 subleaf, u32 reg)
{
    u32 out[4];
    cpuid_answer(&table, leaf, subleaf, guest, out);
    return out[reg];
}

static bool hides(const char *name)
{
    const char *found, *reason;
    for (u32 i = 0; (found = cpuid_hidden(&table, &i, &reason));) {
        assert_true(strlen(reason) > 0);
        if (strcmp(found, name) == 0)
            return true;
    }
    return false;
}

/* A feature made up of nothing but what a test says. */
struct made {
    struct captured_cpuid rows[40];
    u32 count;
};

static void read_made(void *context, u32 leaf, u32 subleaf, u32 out[4])
{
    struct made *made = context;
    memset(out, 0, 16);
    for (u32 i = 0; i < made->count; i++) {
        if (made->rows[i].leaf == leaf && made->rows[i].subleaf == subleaf)
            memcpy(out, made->rows[i].reg, 16);
    }
}

/* What no rule and no patch touches is what the processor says. */
static void the_rest_is_the_processors(void **state)
{
    for (u32 model = 0; model < COUNT_OF(captured_cpuids); model++) {
        struct dump dump = {.model = model};
        assert_int_equal(cpuid_table_build(&table, read_dump, &dump, &all), CPUID_OK);
        assert_true(dump.executed < 400);
        for (u32 i = 0; i < captured_cpuids[model].count; i++) {
            const struct captured_cpuid *row = &captured_cpuids[model].rows[i];
            u32 out[4];
            if (row->leaf >> 28 == 4)
                continue;
            cpuid_answer(&table, row->leaf, row->subleaf, &quiet, out);
            switch (row->leaf) {
            case 0:
            case 2:
            case 4:
            case 0x15:
            case 0x16:
            case 0x18:
            case 0x80000000:
            case 0x80000002:
            case 0x80000004:
            case 0x80000006:
            case 0x80000008:
                assert_memory_equal(out, row->reg, 16);
                break;
            case 1:
                assert_int_equal(out[A], row->reg[A]);
                assert_int_equal(out[B], row->reg[B]);
                assert_int_equal(out[C], (row->reg[C] & ~0x60u) | 1u << 31);
                assert_int_equal(out[D], row->reg[D]);
                break;
            case 0xb:
                assert_memory_equal(out, row->reg, 16);
                break;
            case 7:
                if (row->subleaf == 0)
                    assert_int_equal(out[B] & ~row->reg[B], 0);
                break;
            }
        }
    }
}

static void always_hidden(void **state)
{
    for (u32 model = 0; model < COUNT_OF(captured_cpuids); model++) {
        struct dump dump = {.model = model};
        assert_int_equal(cpuid_table_build(&table, read_dump, &dump, &all), CPUID_OK);
        assert_int_equal(answer(1, 0, C) & (BIT(5) | BIT(6)), 0);
        assert_true(answer(1, 0, C) & BIT(31));
        assert_true(hides("VMX"));
        assert_int_equal(answer(7, 0, B) & (BIT(2) | BIT(25)), 0);
        assert_int_equal(answer(7, 0, C) & (BIT(7) | BIT(16) | BIT(29) | BIT(31)), 0);
        assert_int_equal(answer(7, 0, D) & (BIT(5) | BIT(18) | BIT(19) | BIT(20)), 0);
        assert_int_equal(cpuid_cr4_allowed(&table) & (CR4_VMXE | CR4_SMXE | CR4_LA57 | CR4_CET | CR4_PKS), 0);
    }
    build("nested_skylake_x", &all);
    assert_int_equal(answer(0x12, 1, C), 0); /* KVM leaves a bit of SGX there */
    build("tigerlake", &all);
    assert_true(hides("CET_SS") && hides("CET_IBT"));
}

/* A processor that has every feature bit: each rule takes exactly its own bits. */
static void each_rule_by_itself(void **state)
{
    static struct made made = {
        .rows = {{0, 0, {0x24, 1, 2, 3}},
                 {1, 0, {~0u, ~0u, ~0u, ~0u}},
                 {6, 0, {~0u, ~0u, ~0u, ~0u}},
                 {7, 0, {2, ~0u, ~0u, ~0u}},
                 {7, 1, {~0u, ~0u, ~0u, ~0u}},
                 {0xa, 0, {~0u, ~0u, ~0u, ~0u}},
                 {0xd, 0, {0xfffff, 0, 0, 0}},
                 {0xd, 1, {0x1f, 0, ~0u, ~0u}},
                 {0x14, 0, {1, 2, 3, 4}},
                 {0x23, 0, {1, 2, 3, 4}},
                 {0x23, 3, {1, 2, 3, 4}},
                 {0x80000000, 0, {0x80000008, 0, 0, 0}},
                 {0x80000001, 0, {0, 0, ~0u, ~0u}}},
        .count = 13,
    };
    assert_int_equal(cpuid_table_build(&table, read_made, &made, &all), CPUID_OK);
    assert_int_equal(answer(1, 0, C), ~0x08000060u); /* OSXSAVE as CR4 says */
    assert_int_equal(answer(1, 0, D), ~0u);
    assert_int_equal(answer(6, 0, A), ~0x00880000u);
    assert_int_equal(answer(6, 0, C), 0xffff00ff);
    assert_int_equal(answer(6, 0, D), 0);
    assert_int_equal(answer(7, 0, B), ~0x02000004u);
    assert_int_equal(answer(7, 0, C), ~(0x80u | 0x10000 | 0x60000000 | 0x80000000 | 0x10));
    assert_int_equal(answer(7, 0, D), ~(0x2u | 0x20 | 0x1c0000));
    assert_int_equal(answer(0x80000001, 0, D), ~0x800u);
    assert_int_equal(answer(0xa, 0, A), ~0u);
    assert_int_equal(answer(0x14, 0, A), 0);
    assert_int_equal(answer(0x23, 3, D), 4);
    assert_int_equal(cpuid_xss_allowed(&table), BIT(13) | BIT(16));
    assert_int_equal(cpuid_xcr0_allowed(&table), 0x7ffff);

    assert_int_equal(cpuid_table_build(&table, read_made, &made, &none), CPUID_OK);
    assert_int_equal(answer(1, 0, C), ~(0x08000060u | 0x8014));
    assert_int_equal(answer(1, 0, D), ~0x200000u);
    assert_int_equal(answer(7, 0, B), ~(0x02000004u | 0x4400));
    assert_int_equal(answer(7, 0, C), ~(0x80u | 0x10000 | 0x60000000 | 0x80000000 | 0x10 | 0x20 | 0x400000 | 0x3e0000));
    assert_int_equal(answer(0x80000001, 0, D), ~0x08000800u);
    assert_int_equal(answer(0xa, 0, A) | answer(0x23, 0, A) | answer(0x23, 3, A), 0);
    assert_int_equal(answer(0xd, 1, A), 0x17);
    assert_int_equal(cpuid_xss_allowed(&table), 0);
    assert_int_equal(cpuid_xcr0_allowed(&table), 0x7ffe7);
    assert_true(hides("RDTSCP") && hides("RDPID") && hides("INVPCID") && hides("WAITPKG") && hides("MPX"));
}

static void hidden_names_only_what_was_there(void **state)
{
    build("corei5_lynnfield_750", &all);
    const char *reason;
    u32 index = 0, count = 0;
    while (cpuid_hidden(&table, &index, &reason))
        count++;
    assert_int_equal(count, 2); /* VMX, SMX */
    assert_true(hides("SMX"));
    build("corei5_lynnfield_750", &none);
    assert_true(hides("RDTSCP"));
    assert_false(hides("WAITPKG"));
}

static void hypervisor_leaves(void **state)
{
    char signature[13] = {0};
    build("nested_skylake_x", &all);
    u32 out[4];
    cpuid_answer(&table, 0x40000000, 7, &quiet, out);
    assert_int_equal(out[A], 0x40000001);
    memcpy(signature, &out[B], 12);
    assert_string_equal(signature, "ExeuntExeunt");
    /* KVM's own leaf is not shown through. */
    cpuid_answer(&table, 0x40000001, 0, &quiet, out);
    assert_int_equal(out[A] | out[B] | out[C] | out[D], 0);
}

static void out_of_range_is_the_highest_basic_leaf(void **state)
{
    static const u32 beyond[] = {0x17,       0x18,       0xffff,     0x3fffffff, 0x40000002, 0x40000100,
                                 0x7fffffff, 0x80000009, 0x8000ffff, 0x90000000, 0xffffffff};
    build("corei7_skylake_x", &all);
    for (size_t i = 0; i < COUNT_OF(beyond); i++) {
        for (u32 reg = A; reg <= D; reg++)
            assert_int_equal(answer(beyond[i], 0, reg), answer(0x16, 0, reg));
    }
    assert_int_equal(answer(0x16, 0, A), 0xdac);
    /* On this one the highest leaf is 0DH, which depends on ECX and on XCR0. */
    build("corei7_haswell_4770", &all);
    struct cpuid_state guest = {.xsave_size = 0x340};
    assert_int_equal(answer_in(&guest, 0x1234, 2, B), 0x240);
    assert_int_equal(answer_in(&guest, 0x1234, 0, B), 0x340);
    assert_int_equal(cpuid_needs(&table, 0x1234, 0), CPUID_NEEDS_XSAVE_SIZES);
}

static void state_is_patched_in(void **state)
{
    build("corei3_cnl", &all);
    struct cpuid_state guest = quiet;
    assert_int_equal(answer_in(&guest, 1, 0, C) & BIT(27), 0);
    guest.cr4 = CR4_OSXSAVE | CR4_PKE;
    assert_true(answer_in(&guest, 1, 0, C) & BIT(27));
    assert_true(answer_in(&guest, 1, 0, D) & BIT(9));
    guest.apic_base = 0xfee00100;
    assert_false(answer_in(&guest, 1, 0, D) & BIT(9));
    bool has_pku = answer(7, 0, C) & BIT(3);
    assert_int_equal(!!(answer_in(&guest, 7, 0, C) & BIT(4)), has_pku);
    assert_false(answer(7, 0, C) & BIT(4));
    guest.code_64 = true;
    assert_true(answer_in(&guest, 0x80000001, 0, D) & BIT(11));
    guest.code_64 = false;
    assert_false(answer_in(&guest, 0x80000001, 0, D) & BIT(11));
    /* The table itself never changes. */
    assert_int_equal(answer_in(&quiet, 1, 0, C) & BIT(27), 0);
    assert_true(answer_in(&quiet, 1, 0, D) & BIT(9));

    /* OSXSAVE does not appear where there is no XSAVE. */
    build("corei5_lynnfield_750", &all);
    guest.cr4 = CR4_OSXSAVE | CR4_PKE;
    assert_false(answer_in(&guest, 1, 0, C) & BIT(27));
    assert_false(answer_in(&guest, 7, 0, C) & BIT(4));

    assert_int_equal(cpuid_needs(&table, 0, 0), 0);
    assert_int_equal(cpuid_needs(&table, 4, 3), 0);
    assert_int_equal(cpuid_needs(&table, 1, 0), CPUID_NEEDS_CR4 | CPUID_NEEDS_APIC_BASE);
    assert_int_equal(cpuid_needs(&table, 0x80000001, 0), CPUID_NEEDS_CODE_64);
    assert_int_equal(cpuid_needs(&table, 0x40000000, 0), 0);
    assert_false(cpuid_has_subleaves(&table, 2));
    assert_true(cpuid_has_subleaves(&table, 4));
    assert_true(cpuid_has_subleaves(&table, 0xd));
    assert_false(cpuid_has_subleaves(&table, 0x80000001));
}

static void xsave_sizes(void **state)
{
    build("corei7_skylake_x", &all);
    struct cpuid_state guest = {.xsave_size = 0x340, .xsave_compact_size = 0x350};
    assert_int_equal(answer_in(&guest, 0xd, 0, B), 0x340);
    assert_int_equal(answer_in(&guest, 0xd, 0, C), 0xa80); /* nothing is hidden: the processor's own maximum */
    assert_int_equal(answer_in(&guest, 0xd, 1, B), 0x350);
    assert_int_equal(answer_in(&guest, 0xd, 2, A), 0x100);
    assert_int_equal(answer_in(&guest, 0xd, 63, A), 0);
    assert_int_equal(answer_in(&guest, 0xd, 64, A), 0);
    assert_int_equal(answer_in(&guest, 0xd, ~0u, A), 0);
    /* XSAVEOPT alone: EBX of sub-leaf 1 is zero. */
    build("corei7_haswell_4770", &all);
    assert_int_equal(answer_in(&guest, 0xd, 1, A), 1);
    assert_int_equal(answer_in(&guest, 0xd, 1, B), 0);
}

/* As QEMU shows under a KVM without XSAVE: leaf 0DH is there and empty, and XGETBV would be #UD. */
static void leaf_0d_without_xsave(void **state)
{
    static struct made made = {.rows = {{0, 0, {0x16, 1, 2, 3}}, {1, 0, {0, 0, BIT(31), 0}}}, .count = 2};
    assert_int_equal(cpuid_table_build(&table, read_made, &made, &all), CPUID_OK);
    assert_int_equal(cpuid_needs(&table, 0xd, 0), 0);
    assert_int_equal(cpuid_needs(&table, 0xd, 1), 0);
    /* A leaf that is filled in all the same changes nothing. */
    static struct made filled = {
        .rows = {{0, 0, {0xd, 1, 2, 3}},
                 {1, 0, {0, 0, 0, 0}},
                 {0xd, 0, {7, 0x340, 0x340, 0}},
                 {0xd, 1, {0xf, 0, 0, 0}}},
        .count = 4,
    };
    assert_int_equal(cpuid_table_build(&table, read_made, &filled, &all), CPUID_OK);
    assert_int_equal(cpuid_needs(&table, 0xd, 0), 0);
    assert_int_equal(cpuid_needs(&table, 0xd, 1), 0);
    assert_int_equal(cpuid_needs(&table, 0x1234, 1), 0);
}

/* MPX, and AMX with its alignment, which no captured model has. */
static void xsave_of_made_processors(void **state)
{
    static struct made made = {
        .rows = {{0, 0, {0xd, 1, 2, 3}},
                 {1, 0, {0, 0, BIT(26), 0}},
                 {0xd, 0, {0x6021f, 0, 11008, 0}},
                 {0xd, 1, {0xf, 0, BIT(8) | BIT(13), 0}},
                 {0xd, 2, {256, 576, 0, 0}},
                 {0xd, 3, {64, 960, 0, 0}},
                 {0xd, 4, {64, 1024, 0, 0}},
                 {0xd, 8, {128, 0, 1, 0}},
                 {0xd, 9, {8, 2688, 0, 0}},
                 {0xd, 13, {8, 0, 1, 0}},
                 {0xd, 17, {64, 2752, 2, 0}},
                 {0xd, 18, {8192, 2816, 6, 0}}},
        .count = 12,
    };
    struct cpuid_state guest = {.xsave_size = 11008, .xsave_compact_size = 9280};
    assert_int_equal(cpuid_table_build(&table, read_made, &made, &all), CPUID_OK);
    assert_int_equal(answer_in(&guest, 0xd, 0, B), 11008);
    assert_int_equal(answer_in(&guest, 0xd, 0, C), 11008);
    assert_int_equal(answer_in(&guest, 0xd, 1, B), 9280);
    assert_int_equal(cpuid_needs(&table, 0xd, 1), CPUID_NEEDS_XSAVE_SIZES);
    assert_int_equal(answer(0xd, 8, A), 0); /* Processor Trace state */
    assert_int_equal(cpuid_xss_allowed(&table), BIT(13));
    assert_true(cpuid_xcr0_valid(&table, 0x6021f));
    assert_false(cpuid_xcr0_valid(&table, 0x2021f)); /* half of AMX */
    assert_false(cpuid_xcr0_valid(&table, 0x17));    /* half of MPX: BNDCSR alone */

    struct cpuid_facts facts = all;
    facts.bndcfgs = false;
    facts.xsaves = false;
    assert_int_equal(cpuid_table_build(&table, read_made, &made, &facts), CPUID_OK);
    assert_int_equal(cpuid_xcr0_allowed(&table), 0x60207);
    assert_int_equal(answer(0xd, 3, A) | answer(0xd, 4, B) | answer(0xd, 13, A), 0);
}

/* Without MPX the largest area ends with AVX. */
static void hidden_components_have_no_size(void **state)
{
    static struct made made = {
        .rows = {{0, 0, {0xd, 1, 2, 3}},
                 {1, 0, {0, 0, BIT(26), 0}},
                 {0xd, 0, {0x1f, 0, 1088, 0}},
                 {0xd, 2, {256, 576, 0, 0}},
                 {0xd, 3, {64, 960, 0, 0}},
                 {0xd, 4, {64, 1024, 0, 0}}},
        .count = 6,
    };
    assert_int_equal(cpuid_table_build(&table, read_made, &made, &all), CPUID_OK);
    assert_int_equal(answer(0xd, 0, C), 1088);
    assert_int_equal(cpuid_table_build(&table, read_made, &made, &none), CPUID_OK);
    assert_int_equal(answer(0xd, 0, C), 832);
}

/* Sub-leaves above the number that sub-leaf 0 gives are not shown, whatever CPUID returns there. */
static void counted_subleaves_end(void **state)
{
    static struct made made = {
        .rows = {{0, 0, {0x19, 1, 2, 3}},
                 {7, 0, {1, 1, 1, 0}},
                 {7, 1, {2, 0, 0, 0}},
                 {7, 2, {4, 0, 0, 0}},
                 {0x18, 0, {0x7fffffff, 5, 0, 0}},
                 {0x19, 0, {1, 1, 0, 0}}},
        .count = 6,
    };
    assert_int_equal(cpuid_table_build(&table, read_made, &made, &all), CPUID_OK);
    assert_int_equal(answer(7, 1, A), 2);
    assert_int_equal(answer(7, 2, A), 0);
    assert_int_equal(answer(0x18, 0, A), 15); /* no more than were read */
    /* Key Locker: AESKLE follows CR4.KL. */
    struct cpuid_state guest = quiet;
    assert_int_equal(answer_in(&guest, 0x19, 0, B), 0);
    guest.cr4 = BIT(19);
    assert_int_equal(answer_in(&guest, 0x19, 0, B), 1);
    assert_int_equal(cpuid_needs(&table, 0x19, 0), CPUID_NEEDS_CR4);
}

static void xcr0_values(void **state)
{
    build("corei7_skylake_x", &all);
    static const u64 good[] = {1, 3, 7, 0xe7}, bad[] = {0, 2, 5, 4, 6, 0x27, 0xe3, 0xe5, 0xc7, 0x1f, 0xf, 0x2e7, ~0ull};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(cpuid_xcr0_valid(&table, good[i]));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(cpuid_xcr0_valid(&table, bad[i]));
    build("corei5_lynnfield_750", &all);
    assert_false(cpuid_xcr0_valid(&table, 1));
    assert_int_equal(cpuid_xcr0_allowed(&table), 0);
}

static void cr4_bits(void **state)
{
    build("corei5_lynnfield_750", &all);
    assert_int_equal(cpuid_cr4_allowed(&table), 0x7ff);
    build("corei7_sandy_bridge_2600k", &all);
    assert_int_equal(cpuid_cr4_allowed(&table), 0x7ff | CR4_PCIDE | CR4_OSXSAVE);
    build("corei7_skylake_x", &all);
    assert_int_equal(cpuid_cr4_allowed(&table), 0x7ff | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP);
    build("corei3_cnl", &all);
    assert_int_equal(cpuid_cr4_allowed(&table) & (CR4_UMIP | CR4_PKE), CR4_UMIP | CR4_PKE);
}

static void topology(void **state)
{
    build("nested_skylake_x", &all);
    u32 out[4];
    cpuid_answer(&table, 0xb, 0x105, &quiet, out);
    assert_int_equal(out[A] | out[B], 0);
    assert_int_equal(out[C], 5); /* ECX[7:0] comes back */
    assert_int_equal(out[D], answer(0xb, 0, D));
    /* Sub-leaves of leaves that have none are ignored, those of leaf 4 end with type 0. */
    assert_int_equal(answer(0x80000008, 99, A), answer(0x80000008, 0, A));
    assert_int_equal(answer(4, 99, A), 0);

    static struct made made = {
        .rows = {{0, 0, {0x1f, 1, 2, 3}}, {0x1f, 0, {1, 2, 0x100, 42}}, {0x1f, 1, {5, 8, 0x201, 42}}},
        .count = 3,
    };
    assert_int_equal(cpuid_table_build(&table, read_made, &made, &all), CPUID_OK);
    assert_int_equal(answer(0x1f, 1, A), 5);
    assert_int_equal(answer(0x1f, 2, C), 2);
    assert_int_equal(answer(0x1f, 7, D), 42);
    assert_int_equal(answer(0xb, 0, D), 0); /* leaf 0BH is not there at all */
}

static void read_same(void *context, u32 leaf, u32 subleaf, u32 out[4])
{
    memset(out, *(int *)context, 16);
}

/* Whatever a processor says, the table is sound and every question has an answer. */
static void odd_processors(void **state)
{
    static const int bytes[] = {0, 0xff, 0x80, 0x7f, 0x01};
    for (size_t i = 0; i < COUNT_OF(bytes); i++) {
        int byte = bytes[i];
        enum cpuid_status status = cpuid_table_build(&table, read_same, &byte, &all);
        assert_int_equal(status, byte ? CPUID_TOO_MANY : CPUID_OK);
        assert_true(table.max_basic < CPUID_BASIC_ROOM && table.entry_count <= CPUID_ENTRIES_MAX);
        assert_int_equal(answer(0x40000000, 0, A), 0x40000001);
        assert_int_equal(answer(0, 0, A), table.max_basic);
        struct cpuid_state guest = {~0ull, ~0ull, ~0u, ~0u, true};
        for (u32 leaf = 0; leaf < 0x50; leaf++) {
            for (u32 subleaf = 0; subleaf < 70; subleaf++) {
                u32 out[4];
                cpuid_answer(&table, leaf, subleaf, &guest, out);
                cpuid_answer(&table, CPUID_EXTENDED + leaf, subleaf, &guest, out);
                cpuid_answer(&table, CPUID_HYPERVISOR + leaf, subleaf, &guest, out);
            }
        }
        cpuid_cr4_allowed(&table);
        cpuid_xcr0_valid(&table, ~0ull);
        u32 index = 0;
        const char *reason;
        while (cpuid_hidden(&table, &index, &reason))
            ;
    }
}

static void read_many(void *context, u32 leaf, u32 subleaf, u32 out[4])
{
    out[A] = leaf == 0 ? 0x30 : leaf == 0x80000000 ? 0x80000050 : leaf * 16 + subleaf + 1;
    out[B] = out[C] = out[D] = 0x100;
}

/* A processor with more than the table holds shows fewer leaves, and says so in leaf 0 itself. */
static void overflow_is_consistent(void **state)
{
    assert_int_equal(cpuid_table_build(&table, read_many, NULL, &all), CPUID_TOO_MANY);
    assert_int_equal(answer(0, 0, A), table.max_basic);
    assert_true(table.max_basic < 0x30 && table.max_basic >= 0xd);
    assert_int_equal(answer(0x80000000, 0, A), 0x80000000 + CPUID_EXTENDED_ROOM - 1);
    assert_int_equal(answer(table.max_basic + 1, 0, B), answer(table.max_basic, 0, B));
}

/* Rule leaves that the processor does not reach must not reach into another leaf. */
static void small_processor(void **state)
{
    static struct made made = {
        .rows = {{0, 0, {1, 0x756e6547, 0x6c65746e, 0x49656e69}}, {1, 0, {0x6f8, 0, ~0u, ~0x200u}}},
        .count = 2,
    };
    assert_int_equal(cpuid_table_build(&table, read_made, &made, &none), CPUID_OK);
    assert_int_equal(answer(0, 0, A), 1);
    assert_true(answer(1, 0, D) & BIT(9)); /* the LAPIC was off when the leaves were read; the guest's is on */
    assert_int_equal(answer(7, 0, A), 0x6f8);
    assert_int_equal(answer(0x80000000, 0, A), 0x6f8); /* no extended leaves: out of range */
    assert_int_equal(cpuid_xcr0_allowed(&table), 0);
    assert_int_equal(cpuid_cr4_allowed(&table) & CR4_SMEP, 0);
}

static void facts_follow_the_controls(void **state)
{
    struct vmx_controls controls = {.vm_exit = VM_EXIT_LOAD_PERF_GLOBAL_CTRL};
    struct cpuid_facts facts = cpuid_facts(&controls);
    assert_false(facts.rdtscp || facts.invpcid || facts.xsaves || facts.user_wait || facts.bndcfgs);
    assert_false(facts.perf_global_ctrl); /* half a pair */
    controls.vm_entry = VM_ENTRY_LOAD_PERF_GLOBAL_CTRL | VM_ENTRY_LOAD_BNDCFGS;
    controls.vm_exit |= VM_EXIT_CLEAR_BNDCFGS;
    controls.secondary = SECONDARY_ENABLE_RDTSCP | SECONDARY_ENABLE_INVPCID | SECONDARY_ENABLE_XSAVES |
                         SECONDARY_ENABLE_USER_WAIT;
    facts = cpuid_facts(&controls);
    assert_memory_equal(&facts, &all, sizeof all);
}

/* docs/HARDWARE.md repeats the policy for readers; a row that differs is an error here. */
static void documentation_agrees(void **state)
{
#define ALWAYS "always"
#define NO_RDTSCP "without Enable RDTSCP"
#define NO_INVPCID "without Enable INVPCID"
#define NO_XSAVES "without Enable XSAVES/XRSTORS"
#define NO_USER_WAIT "without Enable user wait and pause"
#define NO_BNDCFGS "without Clear and Load IA32_BNDCFGS"
#define NO_PERF_GLOBAL "without Load IA32_PERF_GLOBAL_CTRL"
    static const struct {
        u32 leaf;
        const char *format, *when, *name, *reason;
    } rows[] = {
#define LEAF(leaf, shape, limit)
#define CR4(bits, leaf, subleaf, reg, bit)
#define HIDE_LEAF(leaf, when, name, reason) {leaf, "| %XH | %s | %s | %s |", when, name, reason},
#define HIDE(leaf, subleaf, reg, high, low, when, name, reason)                                                        \
    {leaf, "| %XH." #subleaf " " #reg "[" #high ":" #low "] | %s | %s | %s |", when, name, reason},
#include "vmx/cpuid_policy.def"
#undef LEAF
#undef CR4
#undef HIDE_LEAF
#undef HIDE
    };
    static char text[65536];
    FILE *file = fopen("docs/HARDWARE.md", "r");
    assert_non_null(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    assert_true(length < sizeof text - 1);
    text[length] = 0;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char row[256];
        snprintf(row, sizeof row, rows[i].format, rows[i].leaf, rows[i].name, rows[i].when, rows[i].reason);
        if (!strstr(text, row))
            fail_msg("docs/HARDWARE.md lacks: %s", row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rest_is_the_processors),
        cmocka_unit_test(always_hidden),
        cmocka_unit_test(each_rule_by_itself),
        cmocka_unit_test(hidden_names_only_what_was_there),
        cmocka_unit_test(hypervisor_leaves),
        cmocka_unit_test(out_of_range_is_the_highest_basic_leaf),
        cmocka_unit_test(state_is_patched_in),
        cmocka_unit_test(xsave_sizes),
        cmocka_unit_test(leaf_0d_without_xsave),
        cmocka_unit_test(xsave_of_made_processors),
        cmocka_unit_test(hidden_components_have_no_size),
        cmocka_unit_test(counted_subleaves_end),
        cmocka_unit_test(xcr0_values),
        cmocka_unit_test(cr4_bits),
        cmocka_unit_test(topology),
        cmocka_unit_test(odd_processors),
        cmocka_unit_test(overflow_is_consistent),
        cmocka_unit_test(small_processor),
        cmocka_unit_test(facts_follow_the_controls),
        cmocka_unit_test(documentation_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
