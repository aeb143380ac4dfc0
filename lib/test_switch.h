/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks that a test can switch off, to show that it would notice. Only an image built with
 * RING0_EXTRA=-DEXEUNT_TEST_SWITCHES has them (`make switched`): there a hypercall sets them. In every other image they
 * are constants, and nothing of them is left.
 */
#ifndef LIB_TEST_SWITCH_H
#define LIB_TEST_SWITCH_H

#include "lib/types.h"

enum test_switch {
    TEST_NO_FLUSH = 1 << 0,   /* pages become read-only without INVEPT */
    TEST_NO_DROP = 1 << 1,    /* a write does not drop what depends on the page */
    TEST_NO_WALK = 1 << 2,    /* an entry is found by its linear address alone */
    TEST_NO_COMPARE = 1 << 3, /* bytes are never compared */
    TEST_NO_SECOND = 1 << 4,  /* the second page of an instruction is not watched */
    TEST_NO_OWN = 1 << 5,     /* Exeunt's own stores for the guest drop nothing */
    TEST_NO_RULES = 1 << 6,   /* new rules for fetching drop nothing */
};

#define TEST_SWITCH_HYPERCALL 0x4558007e /* EBX: enum test_switch, those that are to be off from now on */

#ifdef EXEUNT_TEST_SWITCHES
extern u32 test_switches;
static inline bool test_switch(enum test_switch which)
{
    return test_switches & which;
}
static inline bool test_switch_call(u32 function, u32 switches)
{
    if (function != TEST_SWITCH_HYPERCALL)
        return false;
    test_switches = switches;
    return true;
}
#else
static inline bool test_switch(enum test_switch which)
{
    return false;
}
static inline bool test_switch_call(u32 function, u32 switches)
{
    return false;
}
#endif

#endif
