/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dangers to cached work (SPEC 5.2, 5.3), each as one function that makes a site known, changes what it means, and runs
 * it again. A site is MOV EAX, [EDI + register] and RET: which register of the local APIC it reads is the 32-bit
 * displacement at its third byte, and each of those registers holds another value.
 */
#ifndef GUEST_COHERENCE_H
#define GUEST_COHERENCE_H

#include "test/guest/lib/apic.h"
#include "test/guest/lib/paging.h"

/* lib/test_switch.h, which a guest cannot include. */
enum test_switch {
    TEST_NO_FLUSH = 1 << 0,
    TEST_NO_DROP = 1 << 1,
    TEST_NO_WALK = 1 << 2,
    TEST_NO_COMPARE = 1 << 3,
    TEST_NO_SECOND = 1 << 4,
    TEST_NO_OWN = 1 << 5,
    TEST_NO_RULES = 1 << 6,
};
#define TEST_SWITCH_HYPERCALL 0x4558007eu

/* What a site reads first, and what it shall read at the end. */
#define OLD APIC_LVT_LINT0
#define NEW APIC_LVT_LINT1
#define AIM 2u /* where in a site the displacement is */
#define SITE_BYTES 7u

/* Fresh, contiguous pages for code, zeroed, that nothing else lies in. */
u8 *code_pages(u32 count);

/* Masked, so nothing comes of them: LVT registers tell their own address. */
void registers_init(void);

/* Which register's value this is; 0: none's. */
u32 register_of(u32 value);

void site_put(u8 *at, u32 reg);
void site_aim(u8 *at, u32 reg); /* one byte is written: OLD and NEW differ in no more */
/* The register that the site at this linear address reads now. */
u32 site_run(const void *at);
/* The same at CPL 3. */
u32 site_run_user(const void *at);
/* Often enough that it is remembered, and was found once. */
void site_learn(const void *at);

/* Linear addresses, two of them contiguous, where nothing is mapped but what map() maps. */
#define ALIAS 0x40000000ul
#define ALIAS2 0x40001000ul
void map(word linear, const void *page);

/* From now on these checks are off (enum test_switch). False: this image has no switches. */
bool switches(u32 off);

bool has_smep(void);

/* Each returns the register that the site read in the end: NEW where all is well, OLD where stale work was used. */
u32 danger_write(void);
u32 danger_warm(void);
u32 danger_mixed(void);
u32 danger_calm(void);
u32 danger_alias(void);
u32 danger_ahead(void);
u32 danger_remap(void);
u32 danger_remap_late(void);
u32 danger_split(void);
u32 danger_spaces(void);
u32 danger_second_write(void);
u32 danger_second_mixed(void);
u32 danger_second_remap(void);
u32 danger_rules(void);
u32 danger_ins(void);
u32 danger_movs(void);
u32 danger_port(void);
u32 danger_user(void);

/* A device writes the code. */
void dma_dangers(bool switched);

/* Switched off by a danger itself once the site is known: what makes it known must not suffer. */
void switch_later(void);
extern u32 switches_later;

#endif
