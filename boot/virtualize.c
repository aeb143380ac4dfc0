/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a CPU with VT-x to a virtual machine without a guest: capabilities, VMXON, EPT, policy, CPUID.
 */
#include "boot/boot.h"
#include "lib/address_space.h"
#include "lib/clock.h"
#include "lib/console.h"
#include "lib/cpu.h"
#include "lib/msr.h"
#include "lib/panic.h"
#include "lib/print.h"
#include "vmx/code_cache.h"
#include "vmx/exit.h"
#include "vmx/exit_site.h"
#include "vmx/machine.h"
#include "vmx/msr_guard.h"
#include "vmx/reporting.h"
#include "vmx/state.h"

/* SPEC 6.4: how long interrupts wait at most for a REP instruction that is interpreted, or for a cluster. */
#define STRING_DEADLINE_US 20

static u64 read_msr(u32 msr)
{
    return rdmsr(msr);
}

static void print_list(const char *what, const struct control_list *list)
{
    for (u32 i = 0; i < list->count; i++)
        print("  %s: %s (%s)\n", what, list->entry[i]->name, control_word_name(list->entry[i]->word));
}

static _Noreturn void refuse_controls(const struct caps_report *report)
{
    fatal_begin();
    print("this processor's VT-x lacks what Exeunt needs:\n");
    print_list("missing", &report->missing);
    print_list("cannot be cleared", &report->forced);
    fatal_end();
}

/* A limit that firmware left would hide leaf 7 and all above from Exeunt too. */
static void lift_cpuid_limit(void)
{
    u64 value;
    if (cpuid(0, 0).eax <= 3 && vmx_rdmsr_safe(MSR_MISC_ENABLE, &value) && value & MISC_ENABLE_LIMIT_CPUID)
        vmx_wrmsr_safe(MSR_MISC_ENABLE, value & ~MISC_ENABLE_LIMIT_CPUID);
}

/* SDM "Enabling and Entering VMX Operation". */
static void check_feature_control(void)
{
    u64 value;
    switch (caps_feature_control(rdmsr(MSR_FEATURE_CONTROL), &value)) {
    case FEATURE_CONTROL_LOCKED_OFF:
        fatal("VT-x is disabled by firmware (IA32_FEATURE_CONTROL is %llx, locked): enable it in the firmware's setup",
              (unsigned long long)rdmsr(MSR_FEATURE_CONTROL));
    case FEATURE_CONTROL_LOCK_IT:
        wrmsr(MSR_FEATURE_CONTROL, value);
        break;
    case FEATURE_CONTROL_OK:
        break;
    }
}

static void log_list(const char *what, const struct control_list *list)
{
    char text[PRINT_LINE_MAX] = "";
    u32 used = 0;
    for (u32 i = 0; i < list->count; i++) {
        if (used > 160) {
            print("%s: %s\n", what, text);
            used = 0;
        }
        used += (u32)format(text + used, sizeof(text) - used, "%s%s", used ? ", " : "", list->entry[i]->name);
    }
    print("%s: %s\n", what, list->count ? text : "none");
}

/* Whether there is anything to translate. */
static bool translates(const struct options *options)
{
    const struct trap_request *trap = &options->trap;
    bool traps = trap->port_count || trap->apic || trap->mmio_count || trap->dr;
    return traps && (options->engine == ENGINE_CLUSTER || options->engine == ENGINE_TRANSLATE);
}

void boot_check_vmx(struct boot *boot, struct cpu *cpu)
{
    /* Armed breakpoints keep translated code from running, and SPEC 7 does not let each exit ask for DR7. */
    boot->options.trap.dr |= translates(&boot->options);
    if (!caps_vmx_present(cpuid(1, 0).ecx))
        fatal("this processor has no VT-x (CPUID.1:ECX.VMX is clear)");
    lift_cpuid_limit();
    check_feature_control();
    caps_read(&boot->caps, read_msr);
    u64 ignored;
    if (!vmx_rdmsr_safe(MSR_PERF_GLOBAL_CTRL, &ignored))
        caps_drop_perf_global_ctrl(&boot->caps);
    struct policy_needs needs = {
        .hlt = boot->options.trap.hlt,
        .tsc = boot->options.trap.tsc,
        .dr = boot->options.trap.dr,
        .cr3 = boot->options.trap.cr3,
    };
    if (caps_negotiate(&boot->caps, &needs, &cpu->controls, &boot->caps_report) != CAPS_OK)
        refuse_controls(&boot->caps_report);
    cpu->unrestricted = cpu->controls.secondary & SECONDARY_UNRESTRICTED_GUEST;
    boot->unrestricted = cpu->unrestricted;
    log_list("VT-x features used", &boot->caps_report.present);
    log_list("VT-x features absent", &boot->caps_report.absent);
}

static void *map_guest(void *context, hpa_t at)
{
    return address_space_map(at, 0);
}

static bool large_pages_executable(void)
{
    u64 capabilities = 0;
    if (cpuid(0, 0).eax >= 7 && cpuid(7, 0).edx & BIT(29))
        vmx_rdmsr_safe(MSR_ARCH_CAPABILITIES, &capabilities);
    return capabilities & ARCH_CAPABILITIES_IF_PSCHANGE_MC_NO;
}

static void build_ept(struct boot *boot, struct cpu *cpu)
{
    static struct range ram[EPT_RAM_MAX];
    struct vm *vm = &boot->vm;
    struct ept_config config = {
        .pool = &boot->pool,
        .mtrrs = &vm->mtrrs,
        .own = {own_space.region.at, own_space.region.at + own_space.region_size},
        .ram = ram,
        .physical_bits = vm->physical_bits,
        .page_2m = cpu->controls.ept_vpid & EPT_VPID_PAGE_2M,
        .page_1g = cpu->controls.ept_vpid & EPT_VPID_PAGE_1G,
        .large_executable = large_pages_executable(),
    };
    msr_read_mtrrs(&vm->mtrrs, vm->physical_bits);
    if (memory_map_dram(&boot->map, ram, COUNT_OF(ram), &config.ram_count) != MEMORY_MAP_OK)
        fatal("the memory map has more than %llu pieces of RAM", (unsigned long long)COUNT_OF(ram));
    if (ept_init(&vm->ept, &config) != EPT_OK)
        fatal("not enough memory: the EPT does not fit into Exeunt's region");
    vm->window = (struct window){
        .ept = &vm->ept,
        .physmap = {.map = map_guest, .direct = (char *)DIRECT_MAP, .direct_end = own_space.direct_end},
        .page_1g = cpuid(0x80000001, 0).edx & BIT(26),
    };
    cpu->eptp = ept_pointer(&vm->ept);
    cpu->invept_type = cpu->controls.ept_vpid & EPT_VPID_INVEPT_SINGLE ? INVEPT_SINGLE_CONTEXT : INVEPT_ALL_CONTEXT;
    print("EPT: pages of %s4 KiB%s\n", config.page_1g ? "1 GiB, 2 MiB, " : (config.page_2m ? "2 MiB, " : ""),
          config.large_executable ? "" : "; large pages not executable (ITLB multihit)");
}

static void build_policy(struct boot *boot, const struct cpu *cpu)
{
    struct vm *vm = &boot->vm;
    struct range holes[EPT_HOLES_MAX];
    policy_build(&vm->policy, &boot->options.trap, &boot->facts);
    vm->policy.rdtscp = cpu->controls.secondary & SECONDARY_ENABLE_RDTSCP;
    policy_io_bitmap(&vm->policy, boot->bitmaps.io);
    policy_msr_bitmap(&vm->policy, boot->bitmaps.msr);
    u32 count = policy_holes(&vm->policy, holes, EPT_HOLES_MAX);
    for (u32 i = 0; i < count; i++)
        if (ept_add_hole(&vm->ept, holes[i]) != EPT_OK)
            fatal("trap=: the range %llx to %llx cannot be trapped", (unsigned long long)holes[i].start,
                  (unsigned long long)holes[i].end);
    guards_init(&vm->guards, &boot->facts.guards);
}

/*
 * The identity tables are ordinary guest-physical memory, reserved in the guest's map: a guest that writes them harms
 * its own unpaged mode and nothing else, because the EPT stands behind them.
 */
static void build_paging_off(struct boot *boot, struct cpu *cpu)
{
    if (!cpu->unrestricted)
        paging_off_build(&cpu->paging_off, direct(boot->identity_tables), boot->identity_tables);
}

static void build_cpuid(struct boot *boot, struct cpu *cpu)
{
    if (!machine_read_cpuid(cpu))
        print("CPUID: more leaves than the table holds; the guest sees fewer\n");
    u32 index = 0;
    const char *name, *reason;
    while ((name = cpuid_hidden(&cpu->cpuid, &index, &reason)))
        print("CPUID: %s is hidden: %s\n", name, reason);
    cpu->cr4_allowed = cpuid_cr4_allowed(&cpu->cpuid) & caps_cr4_may_be_1(&boot->caps);
    cpu->xss_allowed = cpuid_xss_allowed(&cpu->cpuid);
    exit_read_xsave_sizes(cpu);
}

static void build_cpu(struct boot *boot, struct cpu *cpu)
{
    struct vcpu *v = &cpu->vcpu;
    v->fetch = state_fetch;
    v->vm = &boot->vm;
    v->walks = &cpu->walks;
    cpu->vm = &boot->vm;
    cpu->timed = boot->options.timing;
    cpu->exit_delay = boot->options.exit_delay;
    cpu->chores = cpu->exit_delay ? CHORE_DELAY : 0;
    cpu->report_period = boot->options.report.period_seconds * 1000ull * boot->ticks_per_ms;
    cpu->report_due = rdtsc() + cpu->report_period;
    if (cpu->report_period)
        cpu->chores |= CHORE_PERIOD;
    cpu->hypercall = boot->options.hypercall;
    cpu->apic_enabled = rdmsr(MSR_APIC_BASE) & APIC_BASE_ENABLE;
    cpu->efer_allowed = EFER_SCE | EFER_LME | EFER_LMA | (own_space.no_execute ? EFER_NXE : 0);
    vmx_rdmsr_safe(MSR_BIOS_SIGN_ID, &cpu->microcode);
    /* ET is always 1; KVM, when it carries out a nested guest's write that clears it, shows it clear afterwards. */
    cpu->cr0_mask = CR0_PAGING | CR0_NE | CR0_ET;
    /* OSXSAVE is shown by CPUID, whose answers are kept (vmx/answers.h). */
    cpu->cr4_mask = ~cpu->cr4_allowed | CR4_VMXE | CR4_PAGING | CR4_OSXSAVE;
    if (!cpu->unrestricted)
        cpu->cr4_mask |= CR4_PCIDE;
}

/*
 * Tracing that firmware left on would write to memory past the EPT, and the guest cannot see it. Before VMXON: where
 * IA32_VMX_MISC bit 14 is clear (Broadwell), a write of this MSR in VMX operation is #GP.
 */
static void stop_processor_trace(void)
{
    if (cpuid(0, 0).eax >= 7 && cpuid(7, 0).ebx & BIT(25))
        wrmsr(MSR_RTIT_CTL, 0);
}

/*
 * Where memory encryption has key IDs, they are the uppermost physical address bits, and each value of them is another
 * name for the same memory, Exeunt's own as well: what has such bits is beyond the guest's memory (SDM and Intel's
 * "Memory Encryption Technologies Specification", IA32_TME_ACTIVATE).
 */
static u8 physical_address_bits(void)
{
    u8 bits = (u8)cpuid(0x80000008, 0).eax;
    u64 activate;
    if (cpuid(0, 0).eax < 7 || !(cpuid(7, 0).ecx & BIT(13)) || !vmx_rdmsr_safe(MSR_TME_ACTIVATE, &activate))
        return bits;
    return activate & TME_ACTIVATE_ENABLED ? bits - (activate >> TME_ACTIVATE_KEY_BITS_SHIFT & 15) : bits;
}

static enum cluster_flow flow_of(enum flow flow)
{
    static const u8 flows[] = {
        [FLOW_STRAIGHT] = CLUSTER_STRAIGHT,
        [FLOW_FORWARD] = CLUSTER_FORWARD,
        [FLOW_LOOPS] = CLUSTER_LOOPS,
        [FLOW_TRACES] = CLUSTER_TRACES,
    };
    return (enum cluster_flow)flows[flow];
}

static void build_code_cache(struct boot *boot, struct cpu *cpu)
{
    struct vm *vm = cpu->vm;
    code_cache_init(cpu->vm, boot->options.coherence == COHERENCE_BYTES ? COHERE_COMPARE : COHERE_PROTECT);
    if (boot->options.engine != ENGINE_INTERP)
        code_cache_give(cpu);
    if (translates(&boot->options))
        exit_site_init(cpu, &(struct site_options){
                                .flow = flow_of(boot->options.flow),
                                .threshold = boot->options.threshold,
                                .cluster_max = boot->options.engine == ENGINE_CLUSTER ? boot->options.cluster_max : 1,
                                .ticks_per_second = boot->ticks_per_ms * 1000,
                                .budget = vm->string_deadline_ticks,
                            });
}

static void init_reporting(struct boot *boot)
{
    static char trap[128]; /* the word of the command line, with an end of its own */
    format(trap, sizeof(trap), "%.*s", (int)boot->options.trap_length, boot->options.trap_text);
    reporting_init(&(struct reporting){
        .engine = engine_name(boot->options.engine),
        .trap = trap,
        .at_end = boot->options.report.at_end,
        .memory_owned = own_space.region_size,
        .pool = &boot->pool,
        .keys = report_wanted(&boot->options),
        .ticks_per_ms = boot->ticks_per_ms,
        .timer = caps_has_timer(&boot->caps),
        .timer_shift = caps_preemption_shift(&boot->caps),
    });
}

void boot_build_vm(struct boot *boot, struct cpu *cpu)
{
    struct vm *vm = &boot->vm;
    boot->ticks_per_ms = clock_ticks_per_ms();
    vm->physical_bits = physical_address_bits();
    vm->linear_bits = 48;
    vm->string_deadline_ticks = boot->ticks_per_ms * STRING_DEADLINE_US / 1000;
    vm->smp = boot->facts.other_cpus;
    vm->machine = &real_machine;
    stop_processor_trace();
    if (!vmcs_vmxon(cpu, &boot->caps))
        fatal("VMXON failed");
    build_ept(boot, cpu);
    build_policy(boot, cpu);
    build_paging_off(boot, cpu);
    build_cpuid(boot, cpu);
    build_cpu(boot, cpu);
    build_code_cache(boot, cpu);
    cpu->statistics.pool = &boot->pool;
    init_reporting(boot);
}
