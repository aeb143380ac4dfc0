/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `make bench-host`: nanoseconds on the CPU that runs this, of what an exit at a LAPIC MOV asks of emul/: the
 * instruction fetched through the guest's paging, decoded, performed on a fake LAPIC page; and libzydis on the same
 * bytes. The state that vmx/ reads from the VMCS is there already, and nothing of VT-x is in these figures.
 *
 *   host LABEL    prints bench-host<TAB>LABEL<TAB>what<TAB>nanoseconds per instruction, best of ROUNDS
 */
#include <Zydis/Zydis.h>
#include <time.h>

#include "test/unit/emul_fixture.h"

#define APIC_PAGE 0xfee00000ull
#define CODE_AT 0x10000u
#define SITE_BYTES 192u /* apart: other cache lines, and now and then another page */
#define ROUNDS 200
#define REPEAT 200

/* MOV loads and stores of 32 bits; RAX to R15 all hold APIC_PAGE, so each form hits the task priority register. */
static const struct form {
    u8 length, bytes[15];
} forms[] = {
    {6, {0x8b, 0x88, 0x80, 0x00, 0x00, 0x00}},                                /* mov 0x80(%rax), %ecx */
    {6, {0x8b, 0x91, 0x80, 0x00, 0x00, 0x00}},                                /* mov 0x80(%rcx), %edx */
    {7, {0x44, 0x8b, 0x82, 0x80, 0x00, 0x00, 0x00}},                          /* mov 0x80(%rdx), %r8d */
    {6, {0x8b, 0xb3, 0x80, 0x00, 0x00, 0x00}},                                /* mov 0x80(%rbx), %esi */
    {7, {0x41, 0x8b, 0xb8, 0x80, 0x00, 0x00, 0x00}},                          /* mov 0x80(%r8), %edi */
    {8, {0x41, 0x8b, 0x84, 0x24, 0x80, 0x00, 0x00, 0x00}},                    /* mov 0x80(%r12), %eax */
    {7, {0x45, 0x8b, 0x8d, 0x80, 0x00, 0x00, 0x00}},                          /* mov 0x80(%r13), %r9d */
    {6, {0x89, 0x88, 0x80, 0x00, 0x00, 0x00}},                                /* mov %ecx, 0x80(%rax) */
    {7, {0x44, 0x89, 0x91, 0x80, 0x00, 0x00, 0x00}},                          /* mov %r10d, 0x80(%rcx) */
    {10, {0xc7, 0x82, 0x80, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00}},       /* movl $0x20, 0x80(%rdx) */
    {11, {0x41, 0xc7, 0x86, 0x80, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00}}, /* movl $0x10, 0x80(%r14) */
    {6, {0x89, 0xbe, 0x80, 0x00, 0x00, 0x00}},                                /* mov %edi, 0x80(%rsi) */
    {7, {0x41, 0x89, 0x9f, 0x80, 0x00, 0x00, 0x00}},                          /* mov %ebx, 0x80(%r15) */
};

static _Alignas(4096) u8 apic_page[PAGE_SIZE];
static struct insn decoded[COUNT_OF(forms)];
static ZydisDecoder zydis;
static volatile u64 sink;

/* In place of the fixture's, which notes each access in text. */
static void *map_apic(void *context, hpa_t at)
{
    if ((at.at & PAGE_MASK) == APIC_PAGE)
        return apic_page + (at.at & ~PAGE_MASK);
    if (at.at < RAM_SIZE)
        return host_guest.ram + at.at;
    abort();
}

static u64 site_rip(u32 form)
{
    return CODE_AT + form * SITE_BYTES;
}

static void prepare(u32 form)
{
    struct vcpu *v = &host_guest.v;
    v->rip = site_rip(form);
    for (u32 r = 0; r < GPR_COUNT; r++)
        if (r != RSP)
            v->gpr[r] = APIC_PAGE;
}

static void start(void)
{
    struct test_guest *g = &host_guest;
    struct trap_request trap = {.apic = true, .port_count = 1, .ports = {{0, 0xffff}}};
    struct policy_facts facts = {.report_at_end = true, .apic_base = APIC_PAGE | 0x900};

    guest_init(MODE_64, false);
    g->machine.debug_address = NULL;
    policy_build(&g->vm.policy, &trap, &facts);
    if (ept_add_hole(&g->vm.ept, (struct range){APIC_PAGE, APIC_PAGE + PAGE_SIZE}) != EPT_OK)
        abort();
    g->vm.window.physmap.map = map_apic;
    guest_page(APIC_PAGE, APIC_PAGE, 3);
    for (u32 i = 0; i < COUNT_OF(forms); i++) {
        memcpy(g->ram + site_rip(i), forms[i].bytes, forms[i].length);
        if (insn_decode(g->ram + site_rip(i), INSN_MAX, CODE_64, &decoded[i]) != DECODE_OK ||
            decoded[i].length != forms[i].length)
            abort();
    }
    ZydisDecoderInit(&zydis, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
}

/* ---- what is timed, for one form ---- */

static void time_nothing(u32 form)
{
    sink = host_guest.v.rip;
}

static void time_decode(u32 form)
{
    struct insn insn;
    insn_decode(host_guest.ram + site_rip(form), INSN_MAX, CODE_64, &insn);
    sink = insn.length;
}

static void time_interpret(u32 form)
{
    if (emul_perform(&host_guest.v, &decoded[form]) != EMUL_DONE)
        abort();
}

static void time_step(u32 form)
{
    static const struct emul_expect expect = {.kind = EXPECT_MEMORY};
    struct insn insn;
    if (emul_step(&host_guest.v, &expect, &insn) != EMUL_DONE)
        abort();
}

static void time_zydis(u32 form)
{
    ZydisDecoderContext context;
    ZydisDecodedInstruction insn;
    if (!ZYAN_SUCCESS(
            ZydisDecoderDecodeInstruction(&zydis, &context, host_guest.ram + site_rip(form), INSN_MAX, &insn)))
        abort();
    sink = insn.length;
}

static void time_zydis_operands(u32 form)
{
    ZydisDecodedInstruction insn;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&zydis, host_guest.ram + site_rip(form), INSN_MAX, &insn, operands)))
        abort();
    sink = insn.length;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Best of ROUNDS, in nanoseconds for one instruction; setting the registers is in it. */
static double best(void (*what)(u32 form))
{
    double least = 1e18;
    for (u32 round = 0; round < ROUNDS; round++) {
        double begin = now();
        for (u32 n = 0; n < REPEAT; n++)
            for (u32 form = 0; form < COUNT_OF(forms); form++) {
                prepare(form);
                what(form);
            }
        double took = (now() - begin) / (REPEAT * COUNT_OF(forms));
        least = took < least ? took : least;
    }
    return least;
}

int main(int argc, char **argv)
{
    /* The cache's look-up + interpret takes its line here when `engine=decode` is built. */
    static const struct {
        const char *name;
        void (*what)(u32 form);
    } parts[] = {
        {"fetch+decode+interpret", time_step},
        {"interpret", time_interpret},
        {"decode", time_decode},
        {"zydis decode", time_zydis},
        {"zydis decode with operands", time_zydis_operands},
    };

    start();
    double nothing = best(time_nothing);
    for (u32 i = 0; i < COUNT_OF(parts); i++)
        printf("bench-host\t%s\t%s\t%.1f\n", argc > 1 ? argv[1] : "-", parts[i].name, best(parts[i].what) - nothing);
    return 0;
}
