/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/perf_guard.h"

#include "lib/address_space.h"
#include "lib/cpu.h"
#include "lib/msr.h"
#include "vmx/caps.h"
#include "vmx/cpu.h"
#include "vmx/insn.h"
#include "vmx/machine.h"
#include "vmx/vmcs_fields.h"

/* SDM "Architectural Performance Monitoring": CPUID leaf 0AH. */
#define PERF_GENERAL_COUNT(eax) ((eax) >> 8 & 0xff)
#define PERF_VERSION(eax) ((eax)&0xff)
#define PERF_FIXED_COUNT(edx) ((edx)&31)
#define PERF_FIXED_SHIFT 32
#define PERF_METRICS BIT(48)
#define PERF_CAPABILITIES_METRICS BIT(15)
#define CPUID_PDCM BIT(15)

static u64 low_bits(u32 count)
{
    return (1ull << count) - 1;
}

/* The bits that are not reserved, which VM entry checks again. Writing them in root mode would start the counters
 * there. */
static u64 global_ctrl_bits(void)
{
    struct cpuid_result leaf = cpuid(0xa, 0);
    u64 fixed = 0, capabilities = 0;
    if (PERF_VERSION(leaf.eax) >= 2)
        fixed = low_bits(PERF_FIXED_COUNT(leaf.edx));
    if (PERF_VERSION(leaf.eax) >= 5)
        fixed |= leaf.ecx;
    if (cpuid(1, 0).ecx & CPUID_PDCM)
        vmx_rdmsr_safe(MSR_PERF_CAPABILITIES, &capabilities);
    return low_bits(PERF_GENERAL_COUNT(leaf.eax) & 31) | fixed << PERF_FIXED_SHIFT |
           (capabilities & PERF_CAPABILITIES_METRICS ? PERF_METRICS : 0);
}

bool perf_write_global_ctrl(struct cpu *cpu, u64 value)
{
    if (!(cpu->controls.vm_entry & VM_ENTRY_LOAD_PERF_GLOBAL_CTRL) || value & ~global_ctrl_bits())
        return false;
    vmwrite(VMCS_GUEST_PERF_GLOBAL_CTRL, value);
    return true;
}

bool perf_read_pebs_enable(struct cpu *cpu, u64 *value)
{
    if (!vmx_rdmsr_safe(MSR_PEBS_ENABLE, value))
        return false;
    *value |= cpu->perf.pebs_guest.value;
    return true;
}

/* The real WRMSR judges the value: with no counter running it arms nothing. */
bool perf_write_pebs_enable(struct cpu *cpu, u64 value)
{
    struct perf_guard *perf = &cpu->perf;
    bool switched = value != 0;
    if (!vmx_wrmsr_safe(MSR_PEBS_ENABLE, value) || !vmx_wrmsr_safe(MSR_PEBS_ENABLE, 0))
        return false;
    perf->pebs_guest = (struct msr_area){.msr = MSR_PEBS_ENABLE, .value = value};
    perf->pebs_root = (struct msr_area){.msr = MSR_PEBS_ENABLE};
    vmwrite(VMCS_ENTRY_MSR_LOAD, own_hpa(&perf->pebs_guest).at);
    vmwrite(VMCS_EXIT_MSR_LOAD, own_hpa(&perf->pebs_root).at);
    vmwrite(VMCS_ENTRY_MSR_LOAD_COUNT, switched);
    vmwrite(VMCS_EXIT_MSR_LOAD_COUNT, switched);
    return true;
}
