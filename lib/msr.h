/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model-specific registers by number (SDM volume 4, "IA-32 Architectural MSRs"), and the bits of those that Exeunt
 * looks into. What the guest may do with each is vmx/msr_policy.def and emul/policy.c.
 */
#ifndef LIB_MSR_H
#define LIB_MSR_H

#include "lib/types.h"

enum msr {
    MSR_P5_MC_ADDR = 0x0,
    MSR_P5_MC_TYPE = 0x1,
    MSR_TIME_STAMP_COUNTER = 0x10,
    MSR_PLATFORM_ID = 0x17,
    MSR_APIC_BASE = 0x1b,
    MSR_TEST_CTRL = 0x33,
    MSR_FEATURE_CONTROL = 0x3a,
    MSR_TSC_ADJUST = 0x3b,
    MSR_SPEC_CTRL = 0x48,
    MSR_PRED_CMD = 0x49,
    MSR_BIOS_UPDT_TRIG = 0x79,
    MSR_BIOS_SIGN_ID = 0x8b,
    MSR_SMM_MONITOR_CTL = 0x9b,
    MSR_PMC0 = 0xc1,
    MSR_PLATFORM_INFO = 0xce,
    MSR_CORE_CAPABILITIES = 0xcf,
    MSR_MPERF = 0xe7,
    MSR_APERF = 0xe8,
    MSR_MTRRCAP = 0xfe,
    MSR_ARCH_CAPABILITIES = 0x10a,
    MSR_FLUSH_CMD = 0x10b,
    MSR_TSX_CTRL = 0x122,
    MSR_SYSENTER_CS = 0x174,
    MSR_SYSENTER_ESP = 0x175,
    MSR_SYSENTER_EIP = 0x176,
    MSR_MCG_CAP = 0x179,
    MSR_MCG_STATUS = 0x17a,
    MSR_MCG_CTL = 0x17b,
    MSR_PERFEVTSEL0 = 0x186,
    MSR_PERF_STATUS = 0x198,
    MSR_PERF_CTL = 0x199,
    MSR_MISC_ENABLE = 0x1a0,
    MSR_DEBUGCTL = 0x1d9,
    MSR_MTRR_PHYSBASE0 = 0x200, /* base n at 0x200 + 2n, mask n at 0x201 + 2n */
    MSR_MTRR_PHYSMASK0 = 0x201,
    MSR_MTRR_FIX64K_00000 = 0x250,
    MSR_MTRR_FIX16K_80000 = 0x258,
    MSR_MTRR_FIX16K_A0000 = 0x259,
    MSR_MTRR_FIX4K_C0000 = 0x268, /* eight of them, to 0x26f */
    MSR_MTRR_FIX4K_F8000 = 0x26f,
    MSR_PAT = 0x277,
    MSR_MTRR_DEF_TYPE = 0x2ff,
    MSR_FIXED_CTR0 = 0x309,
    MSR_PERF_CAPABILITIES = 0x345,
    MSR_FIXED_CTR_CTRL = 0x38d,
    MSR_PERF_GLOBAL_STATUS = 0x38e,
    MSR_PERF_GLOBAL_CTRL = 0x38f,
    MSR_PERF_GLOBAL_OVF_CTRL = 0x390,
    MSR_PEBS_ENABLE = 0x3f1,
    MSR_MC0_CTL = 0x400, /* four MSRs per bank */
    MSR_VMX_BASIC = 0x480,
    MSR_VMX_PINBASED_CTLS = 0x481,
    MSR_VMX_PROCBASED_CTLS = 0x482,
    MSR_VMX_EXIT_CTLS = 0x483,
    MSR_VMX_ENTRY_CTLS = 0x484,
    MSR_VMX_MISC = 0x485,
    MSR_VMX_CR0_FIXED0 = 0x486,
    MSR_VMX_CR0_FIXED1 = 0x487,
    MSR_VMX_CR4_FIXED0 = 0x488,
    MSR_VMX_CR4_FIXED1 = 0x489,
    MSR_VMX_VMCS_ENUM = 0x48a,
    MSR_VMX_PROCBASED_CTLS2 = 0x48b,
    MSR_VMX_EPT_VPID_CAP = 0x48c,
    MSR_VMX_TRUE_PINBASED_CTLS = 0x48d,
    MSR_VMX_TRUE_PROCBASED_CTLS = 0x48e,
    MSR_VMX_TRUE_EXIT_CTLS = 0x48f,
    MSR_VMX_TRUE_ENTRY_CTLS = 0x490,
    MSR_VMX_VMFUNC = 0x491,
    MSR_VMX_PROCBASED_CTLS3 = 0x492,
    MSR_VMX_EXIT_CTLS2 = 0x493,
    MSR_RTIT_OUTPUT_BASE = 0x560,
    MSR_RTIT_CTL = 0x570,
    MSR_RTIT_STATUS = 0x571,
    MSR_DS_AREA = 0x600,
    MSR_U_CET = 0x6a0,
    MSR_S_CET = 0x6a2,
    MSR_INTERRUPT_SSP_TABLE = 0x6a8,
    MSR_TSC_DEADLINE = 0x6e0,
    MSR_PKRS = 0x6e1,
    MSR_X2APIC_FIRST = 0x800, /* register at byte offset r of the LAPIC page is 0x800 + r / 16 */
    MSR_X2APIC_ID = 0x802,
    MSR_X2APIC_EOI = 0x80b,
    MSR_X2APIC_ICR = 0x830,
    MSR_X2APIC_SELF_IPI = 0x83f,
    MSR_X2APIC_LAST = 0x8ff,
    MSR_TME_ACTIVATE = 0x982,
    MSR_XSS = 0xda0,
    MSR_LBR_CTL = 0x14ce,
    MSR_EFER = 0xc0000080,
    MSR_STAR = 0xc0000081,
    MSR_LSTAR = 0xc0000082,
    MSR_CSTAR = 0xc0000083,
    MSR_FMASK = 0xc0000084,
    MSR_FS_BASE = 0xc0000100,
    MSR_GS_BASE = 0xc0000101,
    MSR_KERNEL_GS_BASE = 0xc0000102,
    MSR_TSC_AUX = 0xc0000103,
};

/* SDM "Local APIC Status and Location" */
#define APIC_BASE_BSP BIT(8)
#define APIC_BASE_X2APIC BIT(10)
#define APIC_BASE_ENABLE BIT(11)

/* SDM "IA32_DEBUGCTL MSR": single-step on branches */
#define DEBUGCTL_BTF BIT(1)

/* SDM "Enabling and Entering VMX Operation" */
#define FEATURE_CONTROL_LOCK BIT(0)
#define FEATURE_CONTROL_VMX_IN_SMX BIT(1)
#define FEATURE_CONTROL_VMX BIT(2)

/* SDM "IA32_MTRRCAP Register" and "IA32_MTRR_DEF_TYPE MSR" */
#define MTRRCAP_VARIABLE_COUNT 0xffull
#define MTRRCAP_FIXED BIT(8)
#define MTRRCAP_WC BIT(10)
#define MTRR_DEF_TYPE_FIXED_ENABLE BIT(10)
#define MTRR_DEF_TYPE_ENABLE BIT(11)
#define MTRR_PHYSMASK_VALID BIT(11)

/* SDM "Enumeration of Architectural Capabilities" */
#define ARCH_CAPABILITIES_IF_PSCHANGE_MC_NO BIT(6)

/* SDM "Features to Disable Bus Locks": MSR_TEST_CTRL and IA32_CORE_CAPABILITIES. */
#define TEST_CTRL_UC_LOCK_FAULT BIT(28)
#define TEST_CTRL_SPLIT_LOCK_FAULT BIT(29)
#define CORE_CAPABILITIES_UC_LOCK_FAULT BIT(4)
#define CORE_CAPABILITIES_SPLIT_LOCK_FAULT BIT(5)

/* IA32_TME_ACTIVATE (Intel "Memory Encryption Technologies Specification") */
#define TME_ACTIVATE_ENABLED BIT(1)
#define TME_ACTIVATE_KEY_BITS_SHIFT 32 /* 4 bits: how many address bits are key IDs */

/* SDM "IA32_MISC_ENABLE" */
#define MISC_ENABLE_LIMIT_CPUID BIT(22)
#define MISC_ENABLE_XD_DISABLE BIT(34)

#endif
