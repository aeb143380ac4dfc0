/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an instruction that would have exited costs inside of a cluster: machine instructions on the straight way
 * through translated code, which are ticks in Bochs. The cluster's entry and end are the same however many there are,
 * so the difference between long and short clusters of the same instruction is what each further one takes. All are
 * run, and held against the interpreter. Memory outside 64-bit code is not here: the interpreter performs it
 * (docs/CLUSTERS.md).
 */
#define _GNU_SOURCE /* register names of ucontext.h */
#include "test/unit/translate_case.h"

#define FURTHER_MAX 15
#define SHORT 2
#define LONG 8

struct further {
    const char *name;
    u8 length, bytes[7];
    u64 rax, rbx, rdx;
    bool dr; /* debug registers are trapped */
};

static const struct further in_64[] = {
    {.name = "IN AL, imm8", 2, {0xe4, 0x80}},
    {.name = "IN AX, DX", 2, {0x66, 0xed}, .rdx = 0x80},
    {.name = "OUT imm8, EAX", 2, {0xe7, 0x80}},
    {.name = "OUT DX, AL", 1, {0xee}, .rdx = 0x80},
    {.name = "MOV EAX, [LAPIC]", 2, {0x8b, 0x03}, .rbx = APIC_AT + 0x20},
    {.name = "MOV [LAPIC], EAX", 2, {0x89, 0x03}, .rbx = APIC_AT + 0x80},
    {.name = "MOV [LAPIC], imm32", 6, {0xc7, 0x03, 0, 0, 0, 0}, .rbx = APIC_AT + 0xb0},
    {.name = "TEST [LAPIC], imm32", 6, {0xf7, 0x03, 1, 0, 0, 0}, .rbx = APIC_AT + 0x300},
    {.name = "MOV EAX, [MMIO]", 2, {0x8b, 0x03}, .rbx = MMIO_AT + 0x40},
    {.name = "MOV [MMIO], AL", 2, {0x88, 0x03}, .rbx = MMIO_AT + 0x41},
    {.name = "MOV RCX, DR0", 3, {0x0f, 0x21, 0xc1}, .dr = true},
    {.name = "MOV DR3, RCX", 3, {0x0f, 0x23, 0xd9}, .dr = true},
    {.name = "MOV RCX, DR6", 3, {0x0f, 0x21, 0xf1}, .dr = true},
    {.name = "MOV RCX, DR7", 3, {0x0f, 0x21, 0xf9}, .dr = true},
    {.name = "MOV DR7, RAX", 3, {0x0f, 0x23, 0xf8}, .rax = 0x400, .dr = true},
};

static const struct further in_others[] = {
    {.name = "IN AL, imm8", 2, {0xe4, 0x80}},
    {.name = "OUT DX, AL", 1, {0xee}, .rdx = 0x80},
    {.name = "MOV ECX, DR0", 3, {0x0f, 0x21, 0xc1}, .dr = true},
    {.name = "MOV DR3, ECX", 3, {0x0f, 0x23, 0xd9}, .dr = true},
};

/* To where it leaves by a slot, past all jumps that are for other cases. Calls by a slot are for the interpreter. */
static u32 straight_way(const u8 *code)
{
    struct insn insn;
    u32 count = 0;
    do {
        assert_int_equal(insn_decode(code, INSN_MAX, CODE_64, &insn), DECODE_OK);
        code += insn.length;
        count++;
        assert_true(insn.op != OP_JMP || insn.operand[0].kind == OPERAND_MEMORY);
        assert_true(insn.op != OP_CALL || insn.memory.base != RSP);
    } while (insn.op != OP_JMP);
    return count;
}

static u32 length_of(enum guest_mode mode, const struct further *one, u32 times)
{
    u8 bytes[2 + LONG * sizeof(one->bytes)] = {0xe6, 0x80}; /* OUT, which exits in any case, then so many of it */
    for (u32 i = 0; i < times; i++)
        memcpy(bytes + 2 + i * one->length, one->bytes, one->length);
    begin(mode, false);
    for (EACH_GUEST)
        host_guest.vm.policy.dr = one->dr;
    initial.gpr[RAX] = one->rax;
    initial.gpr[RBX] = one->rbx;
    initial.gpr[RDX] = one->rdx;
    put(HERE, bytes, 2 + times * one->length);
    for (u32 i = 0; i < 5; i++)
        turn_once();
    const struct translation *made = translations_find(&cluster_sites->tc, HERE);
    assert_non_null(made);
    assert_int_equal(made->exiting, 1 + times);
    return straight_way(made->code);
}

static void measure(enum guest_mode mode, const struct further *some, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        u32 further = length_of(mode, &some[i], LONG) - length_of(mode, &some[i], SHORT);
        if (further > FURTHER_MAX * (LONG - SHORT))
            fail_msg("%s: %u.%u", some[i].name, further / (LONG - SHORT), further * 10 / (LONG - SHORT) % 10);
        print_message("%-20s %4u.%u\n", some[i].name, further / (LONG - SHORT), further * 10 / (LONG - SHORT) % 10);
    }
}

static void further_in_64(void **state)
{
    measure(MODE_64, in_64, COUNT_OF(in_64));
}

static void further_in_32(void **state)
{
    measure(MODE_32, in_others, COUNT_OF(in_others));
}

static void further_in_16(void **state)
{
    measure(MODE_REAL, in_others, COUNT_OF(in_others));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(further_in_64),
        cmocka_unit_test(further_in_32),
        cmocka_unit_test(further_in_16),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
