/* SPDX-License-Identifier: BSD-2-Clause */
/* MOV to and from debug registers, with trap=dr. DR0 to DR3 and DR6 stay in the machine; DR7 is in the VMCS. */
#include "lib/cpu.h"
#include "vmx/exit.h"
#include "vmx/exit_site.h"
#include "vmx/insn.h"

#define DR6_BD BIT(13)
#define DR7_FIXED_1 BIT(10)
#define DR7_FIXED_0 (BIT(12) | BITS(15, 14))

static u64 read_register(struct vcpu *v, u32 number)
{
    switch (number) {
    case 0:
        return read_dr0();
    case 1:
        return read_dr1();
    case 2:
        return read_dr2();
    case 3:
        return read_dr3();
    case 4: /* DR4 and DR5 are DR6 and DR7 where CR4.DE is clear */
    case 6:
        return read_dr6();
    default:
        vcpu_need(v, PART_DR7);
        return v->dr7;
    }
}

/* False: #GP(0), bits 63:32 of DR6 or DR7. */
static bool write_register(struct vcpu *v, u32 number, u64 value)
{
    if (number >= 4 && value >> 32)
        return false;
    switch (number) {
    case 0:
        write_dr0(value);
        break;
    case 1:
        write_dr1(value);
        break;
    case 2:
        write_dr2(value);
        break;
    case 3:
        write_dr3(value);
        break;
    case 4:
    case 6:
        write_dr6(value);
        break;
    default:
        v->dr7 = (value & ~DR7_FIXED_0) | DR7_FIXED_1;
        vcpu_dirty(v, PART_DR7);
        break;
    }
    return true;
}

/* General detect: the exit came first, so the #DB is raised here (SDM "Debug Control Register (DR7)"). */
static bool general_detect(struct vcpu *v)
{
    vcpu_need(v, PART_DR7);
    if (!(v->dr7 & DR7_GD))
        return false;
    write_dr6(read_dr6() | DR6_BD);
    v->dr7 &= ~DR7_GD;
    vcpu_dirty(v, PART_DR7);
    vcpu_raise(v, VECTOR_DB);
    return true;
}

/* What comes before the exit on silicon (SDM "Relative Priority of Faults and VM Exits"); emulators let it exit. */
static bool faults_first(struct vcpu *v, u32 number)
{
    bool reserved = (number == 4 || number == 5) && vcpu_cr4(v) & CR4_DE;
    if (reserved)
        vcpu_raise(v, VECTOR_UD);
    else if (vcpu_cpl(v) != 0)
        vcpu_raise_code(v, VECTOR_GP, 0);
    return v->event.valid;
}

/* SDM "Exit Qualification for MOV DR". */
void exit_debug_register(struct cpu *cpu)
{
    struct vcpu *v = &cpu->vcpu;
    u64 qualification = exit_qualification(cpu);
    u32 number = qualification & 7, reg = qualification >> 8 & 15;
    bool from = qualification & BIT(4);
    statistics_detail(&cpu->statistics, detail_key_of_dr(qualification));
    if (faults_first(v, number) || general_detect(v))
        return;
    if (exit_has_site(cpu) && exit_by_site(cpu, qualification, (struct track_cause){TRACK_OTHER, cpu->reason}))
        return;
    if (reg == RSP)
        vcpu_need(v, PART_RSP);
    bool wide = vcpu_code_size(v) == CODE_64;
    if (from) {
        v->gpr[reg] = wide ? read_register(v, number) : (u32)read_register(v, number);
        if (reg == RSP)
            vcpu_dirty(v, PART_RSP);
    } else if (!write_register(v, number, wide ? v->gpr[reg] : (u32)v->gpr[reg])) {
        vcpu_raise_code(v, VECTOR_GP, 0);
        return;
    }
    exit_advance(cpu);
}
