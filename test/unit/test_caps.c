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
#include "test/data/vmx_caps.h"
#include "vmx/caps.h"

static const struct policy_needs nothing;
static struct caps_report report;
static struct vmx_controls controls;

/* The captured MSRs of one model; reading one that the model does not have is #GP there and a failure here. */
static u32 model;

static u64 captured(u32 msr)
{
    for (u32 i = 0; i < captured_msrs[model].count; i++) {
        if (captured_msrs[model].rows[i].msr == msr)
            return captured_msrs[model].rows[i].value;
    }
    fail_msg("%s: RDMSR of 0x%x would be #GP", captured_msrs[model].model, msr);
    return 0;
}

static struct vmx_caps caps_of(const char *name)
{
    struct vmx_caps caps;
    for (model = 0; model < COUNT_OF(captured_msrs); model++) {
        if (strcmp(captured_msrs[model].model, name) == 0) {
            caps_read(&caps, captured);
            return caps;
        }
    }
    fail_msg("no capture of %s", name);
    return (struct vmx_caps){0};
}

static bool listed(const struct control_list *list, const char *name, enum control_word word)
{
    for (u32 i = 0; i < list->count; i++) {
        if (strcmp(list->entry[i]->name, name) == 0 && list->entry[i]->word == word)
            return true;
    }
    return false;
}

static u64 *raw_word(struct vmx_caps *caps, enum control_word word)
{
    u64 *const words[] = {&caps->pin,     &caps->primary,  &caps->secondary,
                          &caps->vm_exit, &caps->vm_entry, &caps->ept_vpid};
    return words[word];
}

static u64 allowed_1_mask(const struct control *control)
{
    return control->word == CONTROL_EPT_VPID ? BIT(control->bit) : BIT(control->bit + 32);
}

static void assert_allowed(u64 msr, u32 value)
{
    assert_int_equal((u32)msr & ~value, 0);
    assert_int_equal(value & ~(msr >> 32), 0);
}

static void every_model_with_ept_is_accepted(void **state)
{
    for (model = 0; model < COUNT_OF(captured_msrs); model++) {
        struct vmx_caps caps;
        caps_read(&caps, captured);
        enum caps_status status = caps_negotiate(&caps, &nothing, &controls, &report);
        if (strcmp(captured_msrs[model].model, "core2_penryn_t9600") == 0) {
            assert_int_equal(status, CAPS_REFUSED);
            continue;
        }
        assert_int_equal(status, CAPS_OK);
        assert_int_equal(report.missing.count + report.forced.count, 0);
        assert_allowed(caps.pin, controls.pin);
        assert_allowed(caps.primary, controls.primary);
        assert_allowed(caps.secondary, controls.secondary);
        assert_allowed(caps.vm_exit, controls.vm_exit);
        assert_allowed(caps.vm_entry, controls.vm_entry);
        /* Thin: none of these may exit. */
        assert_int_equal(controls.pin & PIN_EXTERNAL_INTERRUPT_EXITING, 0);
        assert_int_equal(controls.primary & (PRIMARY_CR3_LOAD_EXITING | PRIMARY_CR3_STORE_EXITING), 0);
        assert_int_equal(controls.primary & (PRIMARY_HLT_EXITING | PRIMARY_RDTSC_EXITING | PRIMARY_MOV_DR_EXITING), 0);
        assert_int_equal(controls.vm_entry & VM_ENTRY_IA32E_GUEST, 0);
        assert_true(controls.vm_exit & VM_EXIT_HOST_64);
        assert_false(listed(&report.present, "Load IA32_BNDCFGS", CONTROL_VM_ENTRY));
    }
}

/* The words in full, worked out by hand from the captured MSRs. */
static void words_of_lynnfield_and_skylake(void **state)
{
    struct vmx_caps caps = caps_of("corei5_lynnfield_750");
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_OK);
    assert_int_equal(controls.pin, 0x16 | 0x28);
    assert_int_equal(controls.primary, 0x04006172 | 1u << 25 | 1u << 28 | 1u << 31);
    assert_int_equal(controls.secondary, 1 << 1 | 1 << 3 | 1 << 5);
    assert_int_equal(controls.vm_exit, 0x36dfb | 1 << 2 | 1 << 9 | 1 << 12 | 0xf << 18);
    assert_int_equal(controls.vm_entry, 0x11fb | 1 << 2 | 7 << 13);
    assert_true(listed(&report.absent, "Unrestricted guest", CONTROL_SECONDARY));
    assert_true(listed(&report.absent, "1-GByte EPT pages", CONTROL_EPT_VPID));
    assert_true(listed(&report.present, "2-MByte EPT pages", CONTROL_EPT_VPID));
    assert_true(listed(&report.present, "Enable VPID", CONTROL_SECONDARY));

    caps = caps_of("corei7_skylake_x");
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_OK);
    assert_int_equal(controls.secondary, 1 << 1 | 1 << 3 | 1 << 5 | 1 << 7 | 1 << 12 | 1 << 20);
    assert_true(controls.ept_vpid & EPT_VPID_PAGE_1G);
    assert_false(controls.ept_vpid & EPT_VPID_ACCESSED_DIRTY);
    assert_true(listed(&report.absent, "Enable user wait and pause", CONTROL_SECONDARY));

    caps = caps_of("tigerlake");
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_OK);

    caps = caps_of("nested_skylake_x");
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_OK);
    assert_true(listed(&report.absent, "Enable XSAVES/XRSTORS", CONTROL_SECONDARY));
}

static void penryn_names_all_that_it_lacks(void **state)
{
    struct vmx_caps caps = caps_of("core2_penryn_t9600");
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_REFUSED);
    static const struct {
        const char *name;
        enum control_word word;
    } expected[] = {
        {"Enable EPT", CONTROL_SECONDARY},    {"Save IA32_PAT", CONTROL_VM_EXIT},  {"Load IA32_PAT", CONTROL_VM_EXIT},
        {"Save IA32_EFER", CONTROL_VM_EXIT},  {"Load IA32_EFER", CONTROL_VM_EXIT}, {"Load IA32_PAT", CONTROL_VM_ENTRY},
        {"Load IA32_EFER", CONTROL_VM_ENTRY},
    };
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        assert_true(listed(&report.missing, expected[i].name, expected[i].word));
    assert_int_equal(report.missing.count, COUNT_OF(expected));
}

/* Take each bit away, and force each bit on, one at a time, on a processor that has all else. */
static void each_bit_is_named(void **state)
{
    static const struct policy_needs everything = {true, true, true, true};
    for (u32 i = 0; i < CONTROL_COUNT; i++) {
        const struct control *control = &control_table[i];
        struct vmx_caps caps = caps_of("corei7_skylake_x");
        *raw_word(&caps, control->word) &= ~allowed_1_mask(control);
        enum caps_status status = caps_negotiate(&caps, &everything, &controls, &report);
        bool needed = control->need == REQUIRED || control->need == DYNAMIC || control->need == ON_DEMAND;
        assert_int_equal(status, needed ? CAPS_REFUSED : CAPS_OK);
        assert_int_equal(listed(&report.missing, control->name, control->word), needed);
        assert_int_equal(listed(&report.absent, control->name, control->word),
                         control->need == WANTED || control->need == OPTIONAL);

        if (control->word == CONTROL_EPT_VPID)
            continue;
        caps = caps_of("corei7_skylake_x");
        *raw_word(&caps, control->word) |= BIT(control->bit) | BIT(control->bit + 32);
        status = caps_negotiate(&caps, &nothing, &controls, &report);
        /* BNDCFGS: half of a pair whose other half is not there */
        bool unwelcome = (control->need != REQUIRED && control->need != WANTED) || strstr(control->name, "BNDCFGS");
        assert_int_equal(listed(&report.forced, control->name, control->word), unwelcome);
        assert_int_equal(status, unwelcome ? CAPS_REFUSED : CAPS_OK);
    }
}

static void policy_sets_what_it_asks_for(void **state)
{
    struct vmx_caps caps = caps_of("corei7_haswell_4770");
    assert_int_equal(caps_negotiate(&caps, &(struct policy_needs){.hlt = true}, &controls, &report), CAPS_OK);
    assert_true(controls.primary & PRIMARY_HLT_EXITING);
    assert_false(controls.primary & PRIMARY_RDTSC_EXITING);
    assert_int_equal(caps_negotiate(&caps, &(struct policy_needs){.tsc = true}, &controls, &report), CAPS_OK);
    assert_true(controls.primary & PRIMARY_RDTSC_EXITING);
    assert_int_equal(caps_negotiate(&caps, &(struct policy_needs){.dr = true}, &controls, &report), CAPS_OK);
    assert_true(controls.primary & PRIMARY_MOV_DR_EXITING);
    assert_int_equal(caps_negotiate(&caps, &(struct policy_needs){.cr3 = true}, &controls, &report), CAPS_OK);
    assert_true(controls.primary & PRIMARY_CR3_LOAD_EXITING);
    assert_true(controls.primary & PRIMARY_CR3_STORE_EXITING);
}

/* The timer is set while the guest runs, and only together with what saves it. */
static void the_timer_is_found(void **state)
{
    struct vmx_caps caps = caps_of("corei7_haswell_4770");
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_OK);
    assert_false(controls.pin & PIN_PREEMPTION_TIMER);
    assert_true(listed(&report.present, "Activate VMX-preemption timer", CONTROL_PIN));
    assert_true(caps_has_timer(&caps));
    caps.vm_exit &= ~((u64)VM_EXIT_SAVE_PREEMPTION_TIMER << 32);
    assert_false(caps_has_timer(&caps));
    caps = caps_of("corei7_haswell_4770");
    caps.pin &= ~((u64)PIN_PREEMPTION_TIMER << 32);
    assert_false(caps_has_timer(&caps));
}

/* Without the TRUE MSRs CR3 accesses always exit. */
static void no_true_msrs(void **state)
{
    struct vmx_caps caps = caps_of("corei7_haswell_4770");
    caps.primary = captured(MSR_VMX_PROCBASED_CTLS);
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_REFUSED);
    assert_int_equal(report.forced.count, 2);
    assert_true(listed(&report.forced, "CR3-load exiting", CONTROL_PRIMARY));
    assert_true(listed(&report.forced, "CR3-store exiting", CONTROL_PRIMARY));
    assert_int_equal(caps_negotiate(&caps, &(struct policy_needs){.cr3 = true}, &controls, &report), CAPS_OK);
}

static void pairs_and_dependencies(void **state)
{
    struct vmx_caps caps = caps_of("corei7_haswell_4770");
    caps.vm_entry &= ~(u64)VM_ENTRY_LOAD_PERF_GLOBAL_CTRL << 32 | 0xffffffff;
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_OK);
    assert_false(controls.vm_exit & VM_EXIT_LOAD_PERF_GLOBAL_CTRL);
    assert_true(listed(&report.absent, "Load IA32_PERF_GLOBAL_CTRL", CONTROL_VM_EXIT));

    caps = caps_of("corei7_haswell_4770");
    caps.vm_exit |= (u64)VM_EXIT_CLEAR_BNDCFGS << 32;
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_OK);
    assert_false(controls.vm_exit & VM_EXIT_CLEAR_BNDCFGS);
    caps.vm_entry |= (u64)VM_ENTRY_LOAD_BNDCFGS << 32;
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_OK);
    assert_true(controls.vm_exit & VM_EXIT_CLEAR_BNDCFGS);

    caps = caps_of("corei7_haswell_4770");
    caps.ept_vpid &= ~(u64)EPT_VPID_INVVPID;
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_OK);
    assert_false(controls.secondary & SECONDARY_ENABLE_VPID);
    assert_true(listed(&report.absent, "Enable VPID", CONTROL_SECONDARY));

    caps = caps_of("corei7_haswell_4770");
    caps.ept_vpid &= ~(u64)(EPT_VPID_INVVPID_SINGLE | EPT_VPID_INVVPID_ALL);
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_OK);
    assert_false(controls.secondary & SECONDARY_ENABLE_VPID);

    caps = caps_of("corei7_haswell_4770");
    caps.ept_vpid &= ~(u64)EPT_VPID_INVEPT_SINGLE;
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_OK);
    caps.ept_vpid &= ~(u64)EPT_VPID_INVEPT_ALL;
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_REFUSED);
    assert_true(listed(&report.missing, "Single-context or all-context INVEPT", CONTROL_EPT_VPID));
}

static void no_perf_global_ctrl(void **state)
{
    struct vmx_caps caps = caps_of("corei7_skylake_x"), before = caps;
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_OK);
    assert_true(controls.vm_exit & VM_EXIT_LOAD_PERF_GLOBAL_CTRL);
    assert_true(controls.vm_entry & VM_ENTRY_LOAD_PERF_GLOBAL_CTRL);
    struct vmx_controls with = controls;
    caps_drop_perf_global_ctrl(&caps);
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_OK);
    assert_int_equal(controls.vm_exit, with.vm_exit & ~(u32)VM_EXIT_LOAD_PERF_GLOBAL_CTRL);
    assert_int_equal(controls.vm_entry, with.vm_entry & ~(u32)VM_ENTRY_LOAD_PERF_GLOBAL_CTRL);
    assert_true(listed(&report.absent, "Load IA32_PERF_GLOBAL_CTRL", CONTROL_VM_EXIT));
    assert_true(listed(&report.absent, "Load IA32_PERF_GLOBAL_CTRL", CONTROL_VM_ENTRY));
    assert_int_equal(caps.vm_exit ^ before.vm_exit, (u64)VM_EXIT_LOAD_PERF_GLOBAL_CTRL << 32);
    assert_int_equal(caps.vm_entry ^ before.vm_entry, (u64)VM_ENTRY_LOAD_PERF_GLOBAL_CTRL << 32);
}

static void basic_information(void **state)
{
    struct vmx_caps caps = caps_of("corei7_skylake_x");
    assert_int_equal(caps_revision(&caps), 0x2b);
    assert_true(caps_string_io_information(&caps));
    static const u64 bad_sizes[] = {0, 0x1001, 0x1fff};
    for (size_t i = 0; i < COUNT_OF(bad_sizes); i++) {
        caps.basic = (caps.basic & ~(0x1fffull << 32)) | bad_sizes[i] << 32;
        assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_REFUSED);
        assert_int_equal(report.missing.count, 1);
        assert_int_equal(report.missing.entry[0]->word, CONTROL_BASIC);
    }
    caps = caps_of("corei7_skylake_x");
    caps.basic &= ~(15ull << 50);
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_REFUSED);
    assert_string_equal(report.missing.entry[0]->name, "Write-back VMCS");
    assert_int_equal(caps_preemption_shift(&caps), 0);
    assert_true(caps_activity_hlt(&caps));
    assert_true(caps_activity_wait_for_sipi(&caps));
    assert_true(caps_zero_length_injection(&caps));
    caps = caps_of("nested_skylake_x");
    assert_int_equal(caps_preemption_shift(&caps), 5);
    assert_false(caps_zero_length_injection(&caps));
}

/* Odd processors: nothing allowed, everything forced. Every list has room for all of it. */
static void all_zeros_and_all_ones(void **state)
{
    u32 required = 0, optional_off = 0;
    for (u32 i = 0; i < CONTROL_COUNT; i++) {
        u8 need = control_table[i].need;
        required += control_table[i].word != CONTROL_EPT_VPID && (need == REQUIRED || need == DYNAMIC);
        optional_off += control_table[i].word != CONTROL_EPT_VPID && need != REQUIRED && need != WANTED;
    }
    struct vmx_caps caps = {0};
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_REFUSED);
    assert_int_equal(report.missing.count, required + 2);
    assert_int_equal(report.forced.count, 0);

    memset(&caps, 0xff, sizeof caps);
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_REFUSED);
    assert_int_equal(report.forced.count, optional_off);
    assert_int_equal(report.missing.count, 2); /* VMCS size and memory type */

    /* Everything must be set, nothing can be: every bit is in some list, and the lists hold them all. */
    caps.pin = caps.primary = caps.vm_exit = caps.vm_entry = caps.secondary = 0xffffffff;
    assert_int_equal(caps_negotiate(&caps, &nothing, &controls, &report), CAPS_REFUSED);
    assert_true(report.missing.count <= CAPS_LIST_MAX && report.forced.count <= CAPS_LIST_MAX);
}

static u64 rdmsr_without_secondary(u32 msr)
{
    if (msr == MSR_VMX_BASIC)
        return 0x0018100000000001; /* no TRUE MSRs */
    assert_true(msr < MSR_VMX_VMCS_ENUM);
    return 0x7fffffffull << 32;
}

/* captured() fails where a model lacks the MSR; here there is neither TRUE nor secondary nor EPT. */
static void reads_only_msrs_that_exist(void **state)
{
    struct vmx_caps caps;
    caps_read(&caps, rdmsr_without_secondary);
    assert_int_equal(caps.secondary, 0);
    assert_int_equal(caps.ept_vpid, 0);
    assert_int_equal(caps.pin, 0x7fffffffull << 32);
    caps = caps_of("core2_penryn_t9600");
    assert_int_equal(caps.ept_vpid, 0);
    assert_int_equal(caps_of("corei7_skylake_x").ept_vpid, 0xf0106334141);
    assert_int_equal(caps_of("corei7_skylake_x").primary, 0xf7f9fffe04006172);
}

static void feature_control(void **state)
{
    u64 value;
    assert_int_equal(caps_feature_control(5, &value), FEATURE_CONTROL_OK);
    assert_int_equal(value, 5);
    assert_int_equal(caps_feature_control(1, &value), FEATURE_CONTROL_LOCKED_OFF);
    assert_int_equal(caps_feature_control(3, &value), FEATURE_CONTROL_LOCKED_OFF); /* inside SMX only */
    assert_int_equal(caps_feature_control(0, &value), FEATURE_CONTROL_LOCK_IT);
    assert_int_equal(value, 5);
    assert_int_equal(caps_feature_control(4, &value), FEATURE_CONTROL_LOCK_IT); /* on, but not locked: VMXON is #GP */
    assert_int_equal(value, 5);
    assert_int_equal(caps_feature_control(0x60002, &value), FEATURE_CONTROL_LOCK_IT);
    assert_int_equal(value, 0x60007);
    assert_int_equal(caps_feature_control(~0ull, &value), FEATURE_CONTROL_OK);
    assert_true(caps_vmx_present(0x77faf3bf));
    assert_false(caps_vmx_present(0x77faf3bf & ~0x20u));
}

static void fixed_bits(void **state)
{
    struct vmx_caps caps = caps_of("corei5_lynnfield_750");
    assert_int_equal(caps_cr0_must_be_1(&caps, false), CR0_PE | CR0_NE | CR0_PG);
    assert_int_equal(caps_cr0_must_be_1(&caps, true), CR0_NE);
    assert_false(caps_cr0_valid(&caps, CR0_PE | CR0_NE, false));
    assert_true(caps_cr0_valid(&caps, CR0_PE | CR0_NE, true));
    assert_true(caps_cr0_valid(&caps, CR0_NE, true)); /* real mode */
    assert_false(caps_cr0_valid(&caps, 0, true));
    assert_false(caps_cr0_valid(&caps, CR0_PG | CR0_NE, true)); /* paging without protection */
    assert_false(caps_cr0_valid(&caps, CR0_PE | CR0_PG | CR0_NE | BIT(32), false));
    assert_int_equal(caps_cr0_fix(&caps, 0x10, false), CR0_PE | CR0_ET | CR0_NE | CR0_PG);
    assert_int_equal(caps_cr0_fix(&caps, ~0ull, true), 0xffffffff);
    assert_true(caps_cr4_valid(&caps, CR4_VMXE | CR4_PAE));
    assert_false(caps_cr4_valid(&caps, CR4_PAE));
    assert_false(caps_cr4_valid(&caps, CR4_VMXE | CR4_SMEP)); /* Nehalem has no SMEP */
    assert_int_equal(caps_cr4_fix(&caps, CR4_PAE | CR4_SMEP), CR4_VMXE | CR4_PAE);
    assert_int_equal(caps_cr4_must_be_1(&caps), CR4_VMXE);
    assert_int_equal(caps_cr4_may_be_1(&caps), 0x67ff);
}

/* No bit is in the table twice, and every word has its name. */
static void table_is_sound(void **state)
{
    for (u32 i = 0; i < CONTROL_COUNT; i++) {
        for (u32 j = 0; j < i; j++)
            assert_false(control_table[i].word == control_table[j].word &&
                         control_table[i].bit == control_table[j].bit);
        assert_string_not_equal(control_word_name(control_table[i].word), "?");
    }
    assert_string_equal(control_word_name(CONTROL_WORD_COUNT), "?");
}

/* docs/HARDWARE.md repeats the table for readers; a row that differs is an error here. */
static void documentation_agrees(void **state)
{
    static const char *const needs[] = {"required", "wanted", "optional", "dynamic", "on demand", "off"};
    static char text[65536];
    FILE *file = fopen("docs/HARDWARE.md", "r");
    assert_non_null(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    assert_true(length < sizeof text - 1);
    text[length] = 0;
    for (u32 i = 0; i < CONTROL_COUNT; i++) {
        const struct control *control = &control_table[i];
        char row[160];
        snprintf(row, sizeof row, "| %s | %u | %s | %s |", control_word_name(control->word), control->bit,
                 control->name, needs[control->need]);
        if (!strstr(text, row))
            fail_msg("docs/HARDWARE.md lacks: %s", row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model_with_ept_is_accepted),
        cmocka_unit_test(words_of_lynnfield_and_skylake),
        cmocka_unit_test(penryn_names_all_that_it_lacks),
        cmocka_unit_test(each_bit_is_named),
        cmocka_unit_test(policy_sets_what_it_asks_for),
        cmocka_unit_test(the_timer_is_found),
        cmocka_unit_test(no_true_msrs),
        cmocka_unit_test(pairs_and_dependencies),
        cmocka_unit_test(no_perf_global_ctrl),
        cmocka_unit_test(basic_information),
        cmocka_unit_test(all_zeros_and_all_ones),
        cmocka_unit_test(reads_only_msrs_that_exist),
        cmocka_unit_test(feature_control),
        cmocka_unit_test(fixed_bits),
        cmocka_unit_test(table_is_sound),
        cmocka_unit_test(documentation_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
