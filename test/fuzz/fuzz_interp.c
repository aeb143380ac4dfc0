/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: one instruction in any mode, from any state. What must hold of every outcome is checked, and the
 * sanitizers watch the rest. (Whether the result is right, test/fuzz/native.c asks the CPU.)
 *
 *   byte 0 mode, 1..2 options, 3..17 code, then pairs of a register number and eight bytes
 */
#include <sys/mman.h>

#include "emul/interp.h"
#include "test/unit/emul_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CODE_AT 0x200

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_interp: %s\n", what);
    abort();
}

static void fresh_ram(void)
{
    if (!host_guest.ram) {
        host_guest.ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        host_guest.device = aligned_alloc(PAGE_SIZE, 2 * PAGE_SIZE);
    }
    madvise(host_guest.ram, RAM_SIZE, MADV_DONTNEED);
}

static void set_options(struct vcpu *v, u16 options)
{
    static const u64 flags[] = {RFLAGS_CF, RFLAGS_TF,  RFLAGS_IF,  RFLAGS_DF,
                                RFLAGS_AC, RFLAGS_VIF, RFLAGS_VIP, RFLAGS_RF};
    for (u32 i = 0; i < COUNT_OF(flags); i++)
        if (options & (1u << i))
            v->rflags |= flags[i];
    v->rflags |= (u64)(options >> 8 & 3) << RFLAGS_IOPL_SHIFT;
    v->cr4 |= (options & 0x400 ? CR4_VME : 0) | (options & 0x800 ? CR4_PVI | CR4_TSD : 0);
    if (options & 0x1000)
        v->seg[SEG_DS].limit = 0x8fff;
    if (options & 0x2000)
        v->seg[SEG_SS].access ^= ACCESS_DB;
    if (options & 0x4000)
        v->seg[SEG_ES].access = 0xf7 | (v->seg[SEG_ES].access & ACCESS_DB);
    host_guest.vm.string_deadline_ticks = 5000;
}

static void set_registers(struct vcpu *v, const u8 *data, size_t size)
{
    for (u32 i = 0; i < GPR_COUNT; i++)
        v->gpr[i] = 0x1000ull * (i + 2);
    for (; size >= 9; data += 9, size -= 9)
        memcpy(&v->gpr[data[0] % GPR_COUNT], data + 1, 8);
    v->gpr[RCX] &= ~0xfffff000ull; /* a long repetition shows nothing that a short one does not */
}

static void check_event(const struct vcpu *v, const struct vcpu *before, bool string)
{
    static const u8 vectors[] = {VECTOR_DE, VECTOR_UD, VECTOR_NM, VECTOR_SS, VECTOR_GP, VECTOR_PF, VECTOR_AC};
    bool known = false;
    for (u32 i = 0; i < COUNT_OF(vectors); i++)
        known |= v->event.vector == vectors[i];
    check(v->event.valid && known, "a fault that no instruction here has");
    check(v->event.has_error_code == (v->event.vector >= VECTOR_SS), "error code");
    check(v->rip == before->rip, "a fault moved RIP");
    check(string || memcmp(v->gpr, before->gpr, sizeof(v->gpr)) == 0, "a fault changed a register");
    check(string || v->rflags == before->rflags, "a fault changed a flag");
    check(memcmp(v->seg, before->seg, sizeof(v->seg)) == 0, "a fault changed a segment");
    check(v->interruptibility == before->interruptibility, "a fault ended a shadow");
}

static void check_done(const struct vcpu *v, const struct vcpu *before, enum emul_status status)
{
    const u64 reserved = ~(u64)(FLAGS_STATUS | RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF |
                                RFLAGS_VM | RFLAGS_AC | RFLAGS_VIF | RFLAGS_VIP | RFLAGS_ID);
    check(!v->event.valid, "done and a fault");
    check((v->rflags & reserved) == RFLAGS_FIXED1, "reserved flags");
    check(!((v->rflags ^ before->rflags) & (RFLAGS_VM | RFLAGS_VIP)), "a flag that nothing here may change");
    check(!(v->rflags & RFLAGS_RF) == (status == EMUL_DONE), "RF");
    check((v->pending_debug != 0) == ((before->rflags & RFLAGS_TF) != 0), "single step");
    check((v->interruptibility & ~(u32)(BLOCKING_BY_STI | BLOCKING_BY_MOV_SS)) == 0, "shadow");
    check(v->interruptibility != (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS), "two shadows (VM-entry checks)");
    check(!(v->interruptibility & BLOCKING_BY_STI) || (v->rflags & RFLAGS_IF), "STI's shadow without IF");
    if (status == EMUL_PARTIAL)
        check(v->rip == before->rip, "partial and moved on");
    if (!(v->seg[SEG_CS].access & ACCESS_L))
        check(v->rip <= 0xffffffff, "EIP");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct emul_expect any = {.kind = EXPECT_ANY};
    struct insn insn;
    if (size < 18)
        return 0;
    fresh_ram();
    struct vcpu *v = guest_init(data[0] % 6, data[0] & 0x80);
    set_options(v, data[1] | data[2] << 8);
    set_registers(v, data + 18, size - 18);
    guest_code(CODE_AT, data + 3, 15);
    struct vcpu before = *v;
    enum emul_status status = emul_step(v, &any, &insn);
    switch (status) {
    case EMUL_DONE:
    case EMUL_PARTIAL:
        check_done(v, &before, status);
        break;
    case EMUL_EVENT:
        check_event(v, &before, insn.length && insn.op >= OP_MOVS && insn.op <= OP_OUTS);
        break;
    case EMUL_UNSUPPORTED:
        check(memcmp(v, &before, sizeof(before)) == 0, "refused after a change");
        break;
    default:
        check(false, "a mismatch with nothing expected");
    }
    return 0;
}
