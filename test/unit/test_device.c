/* SPDX-License-Identifier: BSD-2-Clause */
/* Trapped accesses on a fake machine that records what reaches it, in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "emul/device.h"

static struct vm vm;
static struct vcpu vcpu;
static char record[512];
static u32 port_value;
static bool x2apic_on;
static _Alignas(4096) u8 apic_page[4096], mmio_page[4096];

#define APIC_BASE 0xfee00000ull
#define MMIO_BASE 0xd0000000ull

static void note(const char *format, ...)
{
    size_t used = strlen(record);
    va_list list;

    va_start(list, format);
    vsnprintf(record + used, sizeof(record) - used, format, list);
    va_end(list);
}

static void expect_record(const char *text)
{
    assert_string_equal(record, text);
    record[0] = 0;
}

static u32 fake_in(u16 port, u32 size)
{
    note("in %x.%u;", port, size);
    return port_value;
}

static void fake_out(u16 port, u32 size, u32 value)
{
    note("out %x.%u %x;", port, size, value);
}

static bool fake_msr_read(u32 msr, u64 *value)
{
    if (!x2apic_on)
        return false;
    *value = msr == 0x802 ? 3 : msr == 0x80d ? 0x00010008 : 0x1234;
    return true;
}

static bool fake_msr_write(u32 msr, u64 value)
{
    if (x2apic_on)
        note("wrmsr %x %llx;", msr, (unsigned long long)value);
    return x2apic_on;
}

static void fake_ends(enum end_cause cause)
{
    note("end %s;", end_cause_name(cause));
}

static void fake_written(u16 port, u32 size, u32 value)
{
    note("seen %x;", port);
}

static void fake_looked_at(u16 port, u32 size, u32 value)
{
    note("looked at %x.%u %x;", port, size, value);
}

static const struct machine machine = {
    .port_in = fake_in,
    .port_out = fake_out,
    .msr_read = fake_msr_read,
    .msr_write = fake_msr_write,
    .guest_ends = fake_ends,
    .port_read = fake_looked_at,
    .port_written = fake_written,
};

static void *fake_map(void *context, hpa_t at)
{
    if ((at.at & PAGE_MASK) == APIC_BASE)
        return apic_page + (at.at & 0xfff);
    if ((at.at & PAGE_MASK) == MMIO_BASE)
        return mmio_page + (at.at & 0xfff);
    fail_msg("access to %#llx", (unsigned long long)at.at);
    return NULL;
}

static u32 apic_get(u32 offset)
{
    u32 value;
    memcpy(&value, apic_page + offset, 4);
    return value;
}

static void apic_set(u32 offset, u32 value)
{
    memcpy(apic_page + offset, &value, 4);
}

static int setup(void **state)
{
    struct trap_request trap = {.apic = true, .port_count = 1, .ports = {{0, 0xffff}}};
    struct policy_facts facts = {
        .guards = {.pm1a_control = 0xb004, .pm1a_status = 0xb000, .has_s5 = true, .s5_type_a = 0},
        .report_at_end = true,
        .other_cpus = true,
        .console_port = 0x3f8,
        .apic_base = APIC_BASE | 0x900,
    };

    memset(&vm, 0, sizeof(vm));
    memset(apic_page, 0, sizeof(apic_page));
    memset(mmio_page, 0, sizeof(mmio_page));
    policy_build(&vm.policy, &trap, &facts);
    guards_init(&vm.guards, &facts.guards);
    vm.window.physmap.map = fake_map;
    vm.machine = &machine;
    vm.smp = true;
    vcpu.vm = &vm;
    x2apic_on = true;
    apic_set(0x20, 3u << 24);
    apic_set(0xd0, 0x08u << 24);
    apic_set(0xe0, 0xffffffff);
    record[0] = 0;
    return 0;
}

static void test_forward(void **state)
{
    port_value = 0xaabbccdd;
    assert_int_equal(device_port_read(&vcpu, 0x80, 1), 0xdd);
    assert_int_equal(device_port_read(&vcpu, 0x80, 2), 0xccdd);
    assert_int_equal(device_port_read(&vcpu, 0x80, 4), 0xaabbccdd);
    device_port_write(&vcpu, 0x80, 1, 0x1ff);
    expect_record("in 80.1;in 80.2;in 80.4;out 80.1 ff;seen 80;");
}

static void test_end_comes_before_its_effect(void **state)
{
    device_port_write(&vcpu, 0xcf9, 1, 6);
    expect_record("end reset-cf9;out cf9.1 6;seen cf9;");
    device_port_write(&vcpu, 0xb004, 2, 0x2001);
    expect_record("end acpi-s5;out b004.2 2001;seen b004;");
    device_port_write(&vcpu, 0xcf8, 4, 0x80000600);
    expect_record("out cf8.4 80000600;seen cf8;");
}

static void test_refused_sleep(void **state)
{
    device_port_write(&vcpu, 0xb004, 2, 0x2401);
    expect_record("");
    assert_int_equal(vm.device_counts.refused_sleeps, 1);
    port_value = 0;
    assert_int_equal(device_port_read(&vcpu, 0xb000, 2), 0x8000);
    assert_int_equal(device_port_read(&vcpu, 0xb000, 2), 0);
}

/* What is typed on the console. */
static void test_guarded_reads_are_looked_at(void **state)
{
    port_value = 0x1e;
    assert_int_equal(device_port_read(&vcpu, 0x3f8, 1), 0x1e);
    assert_int_equal(device_port_read(&vcpu, 0x3fd, 1), 0x1e);
    assert_int_equal(device_port_read(&vcpu, 0x3f7, 2), 0x1e);
    expect_record("in 3f8.1;looked at 3f8.1 1e;in 3fd.1;in 3f7.2;looked at 3f7.2 1e;");
}

static void test_denied(void **state)
{
    vm.policy.ports[0] = (struct port_rule){0, 0x1f, DENY};
    assert_int_equal(device_port_read(&vcpu, 0x10, 1), 0xff);
    assert_int_equal(device_port_read(&vcpu, 0x1f, 2), 0xffff);
    assert_int_equal(device_port_read(&vcpu, 0x10, 4), 0xffffffff);
    device_port_write(&vcpu, 0x1d, 4, 0);
    expect_record("");
    assert_int_equal(vm.device_counts.denied_port_reads, 3);
    assert_int_equal(vm.device_counts.denied_port_writes, 1);
}

static void test_no_console_hook(void **state)
{
    struct machine bare = machine;

    bare.port_written = NULL;
    bare.port_read = NULL;
    vm.machine = &bare;
    device_port_write(&vcpu, 0x3f8, 1, 'x');
    device_port_read(&vcpu, 0x3f8, 1);
    expect_record("out 3f8.1 78;in 3f8.1;");
}

static void test_mmio(void **state)
{
    u8 data[16], expected[16];

    for (u32 i = 0; i < sizeof(mmio_page); i++)
        mmio_page[i] = (u8)(i * 7 + 1);
    for (u32 size = 1; size <= 16; size++)
        for (u32 offset = 0; offset < 20; offset++) {
            memset(data, 0, sizeof(data));
            device_mmio_read(&vcpu, gpa(MMIO_BASE + offset), size, data);
            assert_memory_equal(data, mmio_page + offset, size);
        }
    for (u32 i = 0; i < 16; i++)
        expected[i] = (u8)~i;
    for (u32 size = 1; size <= 16; size++) {
        memset(mmio_page, 0, sizeof(mmio_page));
        device_mmio_write(&vcpu, gpa(MMIO_BASE + 4096 - size), size, expected);
        assert_memory_equal(mmio_page + 4096 - size, expected, size);
        assert_int_equal(mmio_page[4095 - size], 0);
    }
}

static u64 apic_load(u32 offset, u32 size)
{
    u64 value = 0;
    device_mmio_read(&vcpu, gpa(APIC_BASE + offset), size, &value);
    return value;
}

static void apic_store(u32 offset, u32 size, u64 value)
{
    device_mmio_write(&vcpu, gpa(APIC_BASE + offset), size, &value);
}

static void test_apic_reads(void **state)
{
    u8 wide[16];

    apic_set(0x30, 0x00050014);
    assert_int_equal(apic_load(0x30, 4), 0x00050014);
    assert_int_equal(apic_load(0x30, 1), 0x14);
    assert_int_equal(apic_load(0x32, 1), 0x05);
    assert_int_equal(apic_load(0x32, 2), 0x0005);
    assert_int_equal(apic_load(0x30, 8), 0x00050014);
    device_mmio_read(&vcpu, gpa(APIC_BASE + 0x30), 16, wide);
    assert_memory_equal(wide, "\x14\0\x05\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_int_equal(vm.device_counts.refused_apic_reads, 0);
    assert_int_equal(apic_load(0x34, 4), 0xffffffff);
    assert_int_equal(apic_load(0x32, 4), 0xffffffff);
    assert_int_equal(apic_load(0x33, 2), 0xffff);
    assert_int_equal(apic_load(0x38, 8), ~0ull);
    assert_int_equal(apic_load(0xffc, 4), 0xffffffff);
    assert_int_equal(vm.device_counts.refused_apic_reads, 5);
}

static void test_apic_writes(void **state)
{
    apic_store(0x80, 4, 0x20);
    assert_int_equal(apic_get(0x80), 0x20);
    apic_store(0x80, 8, 0x1111111100000030);
    assert_int_equal(apic_get(0x80), 0x30);
    assert_int_equal(apic_get(0x84), 0);
    apic_store(0x80, 1, 0x40);
    apic_store(0x80, 2, 0x40);
    apic_store(0x82, 4, 0x40);
    apic_store(0x84, 4, 0x40);
    apic_store(0x7c, 8, 0x4000000000);
    assert_int_equal(apic_get(0x80), 0x30);
    assert_int_equal(vm.device_counts.refused_apic_writes, 5);
}

static void send(u32 high, u32 low)
{
    apic_set(0x300, 0xdead);
    apic_store(0x310, 4, high);
    apic_store(0x300, 4, low);
    assert_int_equal(apic_get(0x310), high);
}

static void test_xapic_icr(void **state)
{
    send(1u << 24, 0x4500);
    assert_int_equal(apic_get(0x300), 0xdead);
    send(1u << 24, 0x4608);
    send(0, 0xc4400);
    send(1u << 24, 0x4200);
    send(1u << 24, 0x4700);
    assert_int_equal(apic_get(0x300), 0xdead);
    assert_int_equal(vm.device_counts.swallowed_init, 1);
    assert_int_equal(vm.device_counts.swallowed_sipi, 1);
    assert_int_equal(vm.device_counts.swallowed_nmi, 1);
    assert_int_equal(vm.device_counts.swallowed_smi, 1);
    assert_int_equal(vm.device_counts.swallowed_other_ipi, 1);
    send(1u << 24, 0x40fd);
    assert_int_equal(apic_get(0x300), 0x40fd);
    send(3u << 24, 0x4400);
    assert_int_equal(apic_get(0x300), 0x4400);
}

/* The sender's part of a broadcast is sent to its ID, and the guest's ICR_HIGH stays. */
static void test_xapic_self_part(void **state)
{
    send(0xffu << 24, 0x4400);
    assert_int_equal(apic_get(0x300), 0x4400);
    send(0x5a000000, 0x84400 | 0x800);
    assert_int_equal(apic_get(0x300), 0x4400);
    assert_int_equal(vm.device_counts.swallowed_nmi, 2);
}

/* An 8-byte store to the ICR is guarded like any other. */
static void test_xapic_icr_wide(void **state)
{
    apic_set(0x310, 1u << 24);
    apic_store(0x300, 8, 0x4500);
    assert_int_equal(apic_get(0x300), 0);
    assert_int_equal(vm.device_counts.swallowed_init, 1);
}

static void test_one_cpu(void **state)
{
    vm.smp = false;
    send(1u << 24, 0x4500);
    assert_int_equal(apic_get(0x300), 0x4500);
    assert_true(device_x2apic_write(&vcpu, 0x830, 0x100004500));
    expect_record("wrmsr 830 100004500;");
}

static void test_x2apic(void **state)
{
    u64 value = 0;

    assert_true(device_x2apic_read(&vcpu, 0x803, &value));
    assert_int_equal(value, 0x1234);
    assert_true(device_x2apic_write(&vcpu, 0x80b, 0));
    assert_true(device_x2apic_write(&vcpu, 0x830, 0x1000000fd));
    expect_record("wrmsr 80b 0;wrmsr 830 1000000fd;");
    assert_true(device_x2apic_write(&vcpu, 0x830, 0x100004500));
    assert_true(device_x2apic_write(&vcpu, 0x830, 0x100004608));
    expect_record("");
    assert_true(device_x2apic_write(&vcpu, 0x830, 0xffffffff00004400));
    assert_true(device_x2apic_write(&vcpu, 0x830, 0x300004400));
    assert_true(device_x2apic_write(&vcpu, 0x830, 0x100000c400 | 0x800));
    expect_record("wrmsr 830 300004400;wrmsr 830 300004400;");
    assert_false(device_x2apic_write(&vcpu, 0x830, 0x100014500)); /* reserved bit */
    assert_false(device_x2apic_write(&vcpu, 0x830, 0x100005500));
    x2apic_on = false;
    assert_false(device_x2apic_write(&vcpu, 0x830, 0x100004500));
    assert_false(device_x2apic_read(&vcpu, 0x803, &value));
    assert_int_equal(vm.device_counts.swallowed_init, 1);
    expect_record("");
}

static void test_icr_guard(void **state)
{
    static const struct {
        u64 icr;
        bool x2apic;
        enum icr_verdict verdict;
    } cases[] = {
        {0x00000000000c0000 | 0xfd, false, ICR_PERFORM}, /* fixed, all others */
        {0x0000000000000100 | 0xfd, false, ICR_PERFORM}, /* lowest priority */
        {0x0300000000004500, false, ICR_PERFORM},        /* INIT to the own ID */
        {0x0400000000004500, false, ICR_SWALLOW},        /* INIT to another */
        {0x0400000000008500, false, ICR_SWALLOW},        /* INIT level de-assert */
        {0xff00000000004500, false, ICR_SELF_ONLY},      /* INIT to all */
        {0x00000000000c4608, false, ICR_SWALLOW},        /* SIPI, all others */
        {0x0000000000044400, false, ICR_PERFORM},        /* NMI, self */
        {0x0000000000084400, false, ICR_SELF_ONLY},      /* NMI, all */
        {0x0800000000004c00, false, ICR_SELF_ONLY},      /* logical, flat: own bit */
        {0xf700000000004c00, false, ICR_SWALLOW},        /* logical, flat: all other bits */
        {0xff00000000004c00, false, ICR_SELF_ONLY},      /* logical broadcast */
        {0x0000000000004c00, false, ICR_SWALLOW},        /* logical, nobody */
        {0x0000000300004400, true, ICR_PERFORM},         /* x2APIC: own ID */
        {0x0000030300004400, true, ICR_SWALLOW},         /* only the low byte agrees */
        {0x000000ff00004400, true, ICR_SWALLOW},         /* 0xff is no broadcast here */
        {0xffffffff00004400, true, ICR_SELF_ONLY},       /* broadcast */
        {0x0001000800004c00, true, ICR_SELF_ONLY},       /* logical: own cluster and bit */
        {0x0001ffff00004c00, true, ICR_SELF_ONLY},       /* logical: whole own cluster */
        {0x0001fff700004c00, true, ICR_SWALLOW},         /* logical: others of the own cluster */
        {0x0002000800004c00, true, ICR_SWALLOW},         /* logical: another cluster */
        {0x0300000000004200, false, ICR_PERFORM},        /* SMI to self */
        {0x0400000000004300, false, ICR_SWALLOW},        /* reserved mode */
        {0x0400000000004700, false, ICR_SWALLOW},        /* ExtINT */
    };

    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        struct icr_sender sender = {.id = 3, .logical = cases[i].x2apic ? 0x00010008 : 0x08};
        if (icr_guard(cases[i].icr, cases[i].x2apic, &sender) != cases[i].verdict)
            fail_msg("%#llx", (unsigned long long)cases[i].icr);
    }
}

static void test_icr_cluster_model(void **state)
{
    struct icr_sender sender = {.id = 3, .logical = 0x24, .cluster = true};

    assert_int_equal(icr_guard(0x2400000000004c00, false, &sender), ICR_SELF_ONLY);
    assert_int_equal(icr_guard(0x2f00000000004c00, false, &sender), ICR_SELF_ONLY);
    assert_int_equal(icr_guard(0x2b00000000004c00, false, &sender), ICR_SWALLOW);
    assert_int_equal(icr_guard(0x1400000000004c00, false, &sender), ICR_SWALLOW);
    assert_int_equal(icr_guard(0x3400000000004c00, false, &sender), ICR_SWALLOW);
    assert_int_equal(icr_guard(0xa400000000004c00, false, &sender), ICR_SWALLOW);
    assert_int_equal(icr_guard(0xff00000000004c00, false, &sender), ICR_SELF_ONLY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_forward, setup),
        cmocka_unit_test_setup(test_end_comes_before_its_effect, setup),
        cmocka_unit_test_setup(test_refused_sleep, setup),
        cmocka_unit_test_setup(test_guarded_reads_are_looked_at, setup),
        cmocka_unit_test_setup(test_denied, setup),
        cmocka_unit_test_setup(test_no_console_hook, setup),
        cmocka_unit_test_setup(test_mmio, setup),
        cmocka_unit_test_setup(test_apic_reads, setup),
        cmocka_unit_test_setup(test_apic_writes, setup),
        cmocka_unit_test_setup(test_xapic_icr, setup),
        cmocka_unit_test_setup(test_xapic_self_part, setup),
        cmocka_unit_test_setup(test_xapic_icr_wide, setup),
        cmocka_unit_test_setup(test_one_cpu, setup),
        cmocka_unit_test_setup(test_x2apic, setup),
        cmocka_unit_test(test_icr_guard),
        cmocka_unit_test(test_icr_cluster_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
