/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The story of start-up: from the first C instruction to the guest's first instruction.
 */
#include "boot/boot.h"
#include "lib/address_space.h"
#include "lib/console.h"
#include "lib/console_machine.h"
#include "lib/cpu.h"
#include "lib/panic.h"
#include "lib/print.h"
#include "lib/string.h"
#include "vmx/exit_site.h"
#include "vmx/host.h"
#include "vmx/report.h"
#include "vmx/reporting.h"

#define VERSION "0.1"

extern const char image_start[], image_end[];
extern const u64 boot_started; /* start.S: the TSC at GRUB's hand-over */

/* Called by start.S. Physical addresses: of the Multiboot2 information, and of the image. */
_Noreturn void boot_main(u64 information, u64 load_address);

/*
 * GRUB's structure is copied, so that the guest may be linked where it lies: to where translated code will be, when
 * nobody looks at it any more.
 */
#define INFORMATION_MAX (64 * KIB)
#define information_copy translated_code
_Static_assert(INFORMATION_MAX <= TC_CODE, "room for it");

static struct boot boot;
static struct cpu bootstrap_cpu;

static void init_console(const struct options *options)
{
    bool text = boot.info.framebuffer.type == MULTIBOOT2_FRAMEBUFFER_TEXT ||
                (boot.info.framebuffer.type == MULTIBOOT2_FRAMEBUFFER_NONE && !boot.info.efi64_system_table);
    struct console_machine machine = console_real_machine(text ? direct(hpa(VGA_TEXT_HPA)) : NULL);
    console_init(&options->console, &machine);
}

static void print_option_line(void *context, const char *line)
{
    print("%s\n", line);
}

static _Noreturn void refuse_options(const struct options_error *error)
{
    char message[1024];
    options_message(error, message, sizeof(message));
    fatal_begin();
    print("%s\n", message);
    fatal_end();
}

/* Reads what GRUB passed. Nothing can be printed before the console is known, so errors wait for it. */
static void read_hand_over(u64 information)
{
    struct options_error error;
    u32 bad_tag = 0;
    u32 size = multiboot2_size(direct(hpa(information)), 8);
    memcpy(information_copy, direct(hpa(information)), min_u64(size, INFORMATION_MAX));
    enum multiboot2_status status = multiboot2_read(information_copy, INFORMATION_MAX, &boot.info, &bad_tag);
    bool readable = status == MULTIBOOT2_OK;
    enum options_status parsed = options_parse(readable ? boot.info.command_line : "", &boot.options, &error);
    struct options defaults;
    options_defaults(&defaults);
    init_console(parsed == OPTIONS_OK ? &boot.options : &defaults);
    print("Exeunt " VERSION ", loaded by %s\n", readable ? boot.info.loader_name : "?");
    if (!readable)
        fatal("Multiboot2 information: %s (tag %u)", multiboot2_status_text(status), bad_tag);
    if (parsed != OPTIONS_OK)
        refuse_options(&error);
}

static void apply_options(void)
{
    struct options *options = &boot.options;
    if (options->help) {
        fatal_begin();
        options_help(print_option_line, NULL);
        fatal_end();
    }
    if (options->ignored)
        print("first word \"%.*s\" has no '=' and is ignored\n", (int)options->ignored_length, options->ignored);
    options_settle(options, print_option_line, NULL);
}

static void read_brand(char brand[49])
{
    if (cpuid(0x80000000, 0).eax < 0x80000004)
        return;
    for (u32 i = 0; i < 3; i++) {
        struct cpuid_result part = cpuid(0x80000002 + i, 0);
        memcpy(brand + 16 * i, &part, 16);
    }
}

static bool console_watched(void)
{
    return console_port() && policy_port(&boot.vm.policy, console_port(), 1) != PASS;
}

static void log_boot(u64 image_bytes)
{
    const char *present[COUNT_OF(boot.caps_report.present.entry)], *absent[COUNT_OF(boot.caps_report.absent.entry)];
    for (u32 i = 0; i < boot.caps_report.present.count; i++)
        present[i] = boot.caps_report.present.entry[i]->name;
    for (u32 i = 0; i < boot.caps_report.absent.count; i++)
        absent[i] = boot.caps_report.absent.entry[i]->name;
    char brand[49] = "";
    read_brand(brand);
    if (console_watched() && report_wanted(&boot.options))
        print("Ctrl-^ three times within two seconds, typed here: a report\n");
    u64 now = rdtsc();
    struct report_boot log = {
        .version = VERSION,
        .options = boot.info.command_line,
        .engine = engine_name(boot.options.engine),
        .flow = boot.options.engine == ENGINE_CLUSTER ? flow_name(boot.options.flow) : NULL,
        .guest = boot.guest_kind == GUEST_LINUX ? "linux" : "multiboot",
        .cpu = brand,
        .features = present,
        .feature_count = boot.caps_report.present.count,
        .absent = absent,
        .absent_count = boot.caps_report.absent.count,
        .cpus_present = boot.cpus_present,
        .cpus_used = 1,
        .memory_owned = own_space.region_size,
        .image_bytes = image_bytes,
        .start_ticks = now - boot.started,
        .console_ticks = console_time(),
    };
    reporting_boot(&log);
}

static _Noreturn void enter_guest(void)
{
    struct cpu *cpu = &bootstrap_cpu;
    struct vcpu *v = &cpu->vcpu;
    const struct guest_start *guest = &boot.guest;
    struct vmcs_start start = {
        .long_mode = guest->long_mode,
        .rip = guest->rip,
        .rsp = guest->rsp,
        .cr3 = guest->cr3,
        .gdt_base = guest->gdt_base,
        .gdt_limit = guest->gdt_limit,
        .code_selector = guest->code_selector,
        .data_selector = guest->data_selector,
    };
    vmcs_build(cpu, &boot.caps, &boot.bitmaps, &start);
    v->gpr[RAX] = guest->rax;
    v->gpr[RBX] = guest->rbx;
    v->gpr[RSI] = guest->rsi;
    log_boot((u64)(image_end - image_start));
    console_guest_runs(console_watched());
    reporting_guest_runs(cpu);
    statistics_start(&cpu->statistics, rdtsc(), cpu->timed);
    vmcs_check_fields();
    vmx_launch(cpu);
}

void boot_main(u64 information, u64 load_address)
{
    boot.started = boot_started;
    boot.image = (struct range){load_address, load_address + (u64)(image_end - image_start)};
    host_load(&bootstrap_cpu);
    read_hand_over(information);
    apply_options();
    boot_check_vmx(&boot, &bootstrap_cpu);
    boot_recognise_guest(&boot);
    boot_own_memory(&boot);
    boot_read_machine(&boot);
    boot_build_vm(&boot, &bootstrap_cpu);
    boot_load_guest(&boot);
    enter_guest();
}
