/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cached work is never stale (SPEC 5). Each danger is right as it stands. In an image with switches (`make switched`)
 * each is then run once more with the check against it switched off, and must go wrong: so the test would notice.
 *
 * Command line: engine= and coherence=bytes as Exeunt has them; tlb=kept where exits leave TLB entries alone; test=dma
 * or test=dma-user for what a device writes.
 */
#include "test/guest/coherence/coherence.h"

enum danger_kind {
    PLAIN,
    BY_WALK,      /* only walks of four levels are remembered: with others there is no check to switch off */
    BY_TLB,       /* only with coherence=ept, and where TLB entries survive an exit (not in Bochs): option tlb=kept */
    LATE,         /* calls switch_later(), as BY_WALK does */
    GUARDED,      /* stays right: another check finds it */
    BY_FAR,       /* only with engine=cluster (option engine=cluster), in 64-bit code, and where there is SMEP */
    NOT_CLUSTERS, /* not with engine=cluster, which has nothing there that could be stale: see each */
    HV_ONLY, /* bare, Bochs 2.7 goes wrong here: what it keeps of an instruction over two pages knows the first one */
};

static const struct danger {
    const char *name;
    u32 (*run)(void);
    u32 off; /* the checks without which it goes wrong; coherence=bytes: and TEST_NO_COMPARE */
    enum danger_kind kind;
} dangers[] = {
    /* reading another register is not what a translation is for */
    {"write", danger_write, TEST_NO_DROP | TEST_NO_COMPARE, NOT_CLUSTERS},
    {"warm-tlb", danger_warm, TEST_NO_FLUSH, BY_TLB},
    /* what is written that often is not translated again so soon; second-mixed shows it */
    {"mixed", danger_mixed, TEST_NO_COMPARE, NOT_CLUSTERS},
    {"calm", danger_calm, TEST_NO_DROP | TEST_NO_COMPARE, LATE},
    {"alias", danger_alias, TEST_NO_DROP | TEST_NO_COMPARE, PLAIN},
    {"ahead", danger_ahead, TEST_NO_DROP | TEST_NO_COMPARE, PLAIN},
    {"user", danger_user, TEST_NO_DROP | TEST_NO_COMPARE, PLAIN},
    {"remap", danger_remap, TEST_NO_WALK, BY_WALK},
    {"remap-late", danger_remap_late, TEST_NO_WALK, BY_WALK},
    {"split", danger_split, TEST_NO_WALK, BY_WALK},
    {"spaces", danger_spaces, TEST_NO_WALK, BY_WALK},
    {"second-write", danger_second_write, TEST_NO_SECOND | TEST_NO_COMPARE, PLAIN},
    {"second-mixed", danger_second_mixed, TEST_NO_SECOND | TEST_NO_COMPARE, PLAIN},
    {"second-remap", danger_second_remap, TEST_NO_SECOND, HV_ONLY},
    {"rules", danger_rules, TEST_NO_RULES, BY_FAR},
    {"ins", danger_ins, TEST_NO_OWN, PLAIN},
    {"movs", danger_movs, TEST_NO_OWN, PLAIN},
    {"port", danger_port, TEST_NO_DROP | TEST_NO_COMPARE, GUARDED},
};

u32 switches_later;

bool switches(u32 off)
{
    u32 status = TEST_SWITCH_HYPERCALL;
    if (under_exeunt())
        __asm__ volatile("vmcall" : "+a"(status) : "b"(off) : "memory");
    return status == 0;
}

void switch_later(void)
{
    if (switches_later)
        switches(switches_later);
}

static void name_of(char *name, const char *danger)
{
    for (const char *s = "coherence."; *s;)
        *name++ = *s++;
    while (*danger)
        *name++ = *danger++;
    *name = '\0';
}

static void judge(const char *name, const char *how, u32 got, u32 want)
{
    if (got == want)
        print("HV PASS coherence.%s%s\n", name, how);
    else
        print("HV FAIL coherence.%s%s: read 0x%x want 0x%x\n", name, how, got, want);
}

/* Whether there is anything to switch off. A cluster looks where each of its pages is, whatever is switched off. */
static bool has_check(enum danger_kind kind)
{
    bool clusters = option_is("engine", "cluster");
    switch (kind) {
    case BY_WALK:
        return LONG_MODE;
    case BY_TLB:
        return option_is("tlb", "kept");
    case BY_FAR:
        return clusters && LONG_MODE && has_smep();
    case HV_ONLY:
    case NOT_CLUSTERS:
        return !clusters;
    default:
        return true;
    }
}

/* Stale work must have been used. */
static void run_naively(const struct danger *danger)
{
    bool bytes = option_is("coherence", "bytes");
    u32 off = danger->off | (bytes ? TEST_NO_COMPARE : 0);
    if (!has_check(danger->kind))
        return;
    switches_later = off;
    switches(danger->kind == LATE || danger->kind == BY_WALK ? 0 : off);
    u32 got = danger->run();
    switches_later = 0;
    switches(0);
    judge(danger->name, "-naive", got, danger->kind == GUARDED ? NEW : OLD);
}

static void run(const struct danger *danger)
{
    char name[64];
    name_of(name, danger->name);
    if (danger->kind != HV_ONLY)
        check(name, danger->run(), NEW);
    else if (under_exeunt())
        judge(danger->name, "", danger->run(), NEW);
}

void guest_main(void)
{
    bool switched = switches(0);
    if (switched)
        print("HV PASS coherence.switched-image\n");
    paging_on();
    registers_init();
    if (option("test")) {
        dma_dangers(switched);
        return;
    }
    for (u32 i = 0; i < COUNT_OF(dangers); i++)
        run(&dangers[i]);
    for (u32 i = 0; switched && i < COUNT_OF(dangers); i++)
        run_naively(&dangers[i]);
}
