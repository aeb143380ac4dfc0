/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes to CR0, CR3, CR4 and the PDPTEs: each rule kept and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/vcpu.h"
#include "vmx/control_registers.h"

#define CODE32 (0x9b | ACCESS_DB | ACCESS_G)
#define CODE64 (0x9b | ACCESS_L | ACCESS_G)
#define TSS32_BUSY 0x8b
#define TSS16_BUSY 0x83
#define PHYSICAL_BITS 39
#define ALLOWED                                                                                                        \
    (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE | CR4_OSFXSR |             \
     CR4_OSXMMEXCPT | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP | CR4_CET)
#define CR0_OFF (CR0_PE | CR0_ET | CR0_NE)
#define CR0_ON (CR0_OFF | CR0_PG | CR0_WP)

/* Protected mode without paging, 32-bit paging, 64-bit mode. */
static const struct cr_context unpaged = {.cr0 = CR0_OFF,
                                          .cs_access = CODE32,
                                          .tr_access = TSS32_BUSY,
                                          .cr4_allowed = ALLOWED,
                                          .physical_bits = PHYSICAL_BITS};
static const struct cr_context paged = {.cr0 = CR0_ON,
                                        .cr3 = 0x1000,
                                        .cs_access = CODE32,
                                        .tr_access = TSS32_BUSY,
                                        .cr4_allowed = ALLOWED,
                                        .physical_bits = PHYSICAL_BITS};
static const struct cr_context long_mode = {.cr0 = CR0_ON,
                                            .cr3 = 0x1000,
                                            .cr4 = CR4_PAE,
                                            .efer = EFER_LME | EFER_LMA | EFER_NXE,
                                            .cs_access = CODE64,
                                            .tr_access = TSS32_BUSY,
                                            .cr4_allowed = ALLOWED,
                                            .physical_bits = PHYSICAL_BITS};

static void cr0_good(struct cr_context context, u64 value, u64 want, u64 want_efer)
{
    u64 efer = ~0ull;
    assert_true(cr0_write_check(&context, &value, &efer));
    assert_int_equal(value, want);
    assert_int_equal(efer, want_efer);
}

static void cr0_bad(struct cr_context context, u64 value)
{
    u64 efer;
    assert_false(cr0_write_check(&context, &value, &efer));
}

static void test_cr0_bits(void **state)
{
    cr0_good(unpaged, CR0_PE, CR0_PE | CR0_ET, 0);              /* ET is always set */
    cr0_good(unpaged, 0, CR0_ET, 0);                            /* to real mode */
    cr0_good(unpaged, 0x1ffaffc0 | CR0_PE, CR0_PE | CR0_ET, 0); /* reserved bits are ignored */
    cr0_good(unpaged, CR0_OFF | CR0_CD | CR0_NW, CR0_OFF | CR0_CD | CR0_NW, 0);
    cr0_good(unpaged, CR0_OFF | CR0_CD, CR0_OFF | CR0_CD, 0);
    cr0_bad(unpaged, CR0_OFF | CR0_NW);
    for (u32 bit = 32; bit < 64; bit++)
        cr0_bad(long_mode, CR0_ON | BIT(bit));
    cr0_bad(unpaged, CR0_PG);
    cr0_bad(paged, CR0_ON & ~CR0_PE);
}

static void test_cr0_paging(void **state)
{
    cr0_good(unpaged, CR0_ON, CR0_ON, 0);
    cr0_good(paged, CR0_OFF, CR0_OFF, 0);
    struct cr_context pcid = paged;
    pcid.cr4 = CR4_PAE | CR4_PCIDE;
    cr0_bad(pcid, CR0_OFF);
    cr0_good(pcid, CR0_ON | CR0_TS, CR0_ON | CR0_TS, 0); /* the rule is for PG only */
}

static void test_cr0_into_long_mode(void **state)
{
    struct cr_context c = unpaged;
    c.efer = EFER_LME | EFER_SCE;
    c.cr4 = CR4_PAE;
    cr0_good(c, CR0_ON, CR0_ON, EFER_LME | EFER_LMA | EFER_SCE);
    cr0_good(c, CR0_OFF | CR0_TS, CR0_OFF | CR0_TS, EFER_LME | EFER_SCE); /* not yet */
    c.cr4 = 0;
    cr0_bad(c, CR0_ON);
    c.cr4 = CR4_PAE;
    c.cs_access = CODE32 | ACCESS_L;
    cr0_bad(c, CR0_ON);
    c.cs_access = CODE32;
    c.tr_access = TSS16_BUSY;
    cr0_bad(c, CR0_ON);
    cr0_good(c, CR0_OFF | CR0_TS, CR0_OFF | CR0_TS, EFER_LME | EFER_SCE);
}

static void test_cr0_out_of_long_mode(void **state)
{
    struct cr_context c = long_mode;
    cr0_bad(c, CR0_OFF); /* 64-bit code */
    c.cs_access = CODE32;
    cr0_good(c, CR0_OFF, CR0_OFF, EFER_LME | EFER_NXE);
    cr0_good(long_mode, CR0_ON & ~CR0_WP, CR0_ON & ~CR0_WP, EFER_LME | EFER_LMA | EFER_NXE);
}

static void test_cr0_cet(void **state)
{
    struct cr_context c = long_mode;
    c.cr4 |= CR4_CET;
    cr0_bad(c, CR0_ON & ~CR0_WP);
    cr0_good(c, CR0_ON, CR0_ON, c.efer);
}

static void test_cr4_allowed_bits(void **state)
{
    for (u32 bit = 0; bit < 64; bit++) {
        u64 value = BIT(bit);
        bool special = value & (CR4_PCIDE | CR4_CET);
        if (!special)
            assert_int_equal(cr4_write_check(&paged, value), (ALLOWED & value) != 0);
        if (!special)
            assert_int_equal(cr4_write_check(&long_mode, value | CR4_PAE), (ALLOWED & value) != 0);
    }
    assert_false(cr4_write_check(&paged, CR4_VMXE));
}

static void test_cr4_pae(void **state)
{
    assert_false(cr4_write_check(&long_mode, 0));
    assert_false(cr4_write_check(&long_mode, CR4_PGE));
    assert_true(cr4_write_check(&long_mode, CR4_PAE | CR4_PGE));
    assert_true(cr4_write_check(&paged, 0));
    struct cr_context pae = paged;
    pae.cr4 = CR4_PAE;
    assert_true(cr4_write_check(&pae, 0)); /* PAE paging to 32-bit paging */
}

static void test_cr4_pcide(void **state)
{
    struct cr_context c = long_mode;
    assert_true(cr4_write_check(&c, CR4_PAE | CR4_PCIDE));
    assert_false(cr4_write_check(&paged, CR4_PCIDE));
    assert_false(cr4_write_check(&unpaged, CR4_PAE | CR4_PCIDE));
    for (u32 bit = 0; bit < 12; bit++) {
        c.cr3 = 0x1000 | BIT(bit);
        assert_false(cr4_write_check(&c, CR4_PAE | CR4_PCIDE));
    }
    c.cr4 |= CR4_PCIDE; /* it was on: the PCID is no reason */
    assert_true(cr4_write_check(&c, CR4_PAE | CR4_PCIDE | CR4_PGE));
    assert_true(cr4_write_check(&c, CR4_PAE));
}

static void test_cr4_cet(void **state)
{
    struct cr_context c = long_mode;
    assert_true(cr4_write_check(&c, CR4_PAE | CR4_CET));
    c.cr0 &= ~CR0_WP;
    assert_false(cr4_write_check(&c, CR4_PAE | CR4_CET));
    assert_true(cr4_write_check(&c, CR4_PAE));
}

static void cr3_good(const struct cr_context *context, u64 value, u64 want, bool want_keep)
{
    bool keep = !want_keep;
    assert_true(cr3_write_check(context, &value, &keep));
    assert_int_equal(value, want);
    assert_int_equal(keep, want_keep);
}

static void cr3_bad(const struct cr_context *context, u64 value)
{
    bool keep;
    assert_false(cr3_write_check(context, &value, &keep));
}

static void test_cr3(void **state)
{
    u64 top = BITS(PHYSICAL_BITS - 1, 0);
    cr3_good(&paged, 0x1234567800001018, 0x1018, false); /* 32 bits outside IA-32e mode */
    cr3_good(&unpaged, 0x1018, 0x1018, false);
    cr3_good(&long_mode, top, top, false);
    for (u32 bit = PHYSICAL_BITS; bit < 64; bit++)
        cr3_bad(&long_mode, 0x1000 | BIT(bit));
    struct cr_context pcid = long_mode;
    pcid.cr4 |= CR4_PCIDE;
    cr3_good(&pcid, 0x1fff, 0x1fff, false);
    cr3_good(&pcid, 0x1fff | BIT(63), 0x1fff, true); /* bit 63 is not kept in CR3 */
    for (u32 bit = PHYSICAL_BITS; bit < 63; bit++)
        cr3_bad(&pcid, BIT(63) | BIT(bit));
}

static void test_pdptes(void **state)
{
    u64 reserved = BITS(63, PHYSICAL_BITS) | BITS(8, 5) | BITS(2, 1);
    for (u32 i = 0; i < 4; i++) {
        for (u32 bit = 1; bit < 64; bit++) {
            u64 pdpte[4] = {0x1001, 0, 0x2001, 0};
            pdpte[i] = 0x3000 | BIT(0) | BIT(bit);
            assert_int_equal(cr_pdptes_valid(pdpte, PHYSICAL_BITS), !(reserved & BIT(bit)));
            pdpte[i] &= ~BIT(0); /* not present: nothing is reserved */
            assert_true(cr_pdptes_valid(pdpte, PHYSICAL_BITS));
        }
    }
    u64 ones[4] = {~0ull, ~0ull, ~0ull, ~0ull}; /* what Exeunt's own memory reads as */
    assert_false(cr_pdptes_valid(ones, 52));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cr0_bits),
        cmocka_unit_test(test_cr0_paging),
        cmocka_unit_test(test_cr0_into_long_mode),
        cmocka_unit_test(test_cr0_out_of_long_mode),
        cmocka_unit_test(test_cr0_cet),
        cmocka_unit_test(test_cr4_allowed_bits),
        cmocka_unit_test(test_cr4_pae),
        cmocka_unit_test(test_cr4_pcide),
        cmocka_unit_test(test_cr4_cet),
        cmocka_unit_test(test_cr3),
        cmocka_unit_test(test_pdptes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
