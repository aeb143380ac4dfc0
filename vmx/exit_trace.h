/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each time that goes into a row, as a record to port E9H, which Bochs keeps: a test computes the report a second time
 * from these, by other means (test/exit_trace.py). Only in the build with EXEUNT_TRACE_EXITS (`make traced`), never in
 * the image that is shipped. vmx/entry.S writes its own records.
 */
#ifndef VMX_EXIT_TRACE_H
#define VMX_EXIT_TRACE_H

#include "lib/types.h"

enum exit_trace_kind {
    EXIT_TRACE_START = 0xf5, /* counting starts: address of the tally of row 0, of the guest's */
    EXIT_TRACE_TIME = 0xf7,  /* address of a tally, the ticks that are added to it */
};

#if defined(EXEUNT_TRACE_EXITS)
static inline void exit_trace(enum exit_trace_kind kind, const void *at, u64 value)
{
    struct {
        u8 kind;
        u64 at, value;
    } __attribute__((packed)) record = {(u8)kind, (u64)at, value};
    const void *from = &record;
    u64 count = sizeof(record);
    asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(0xe9) : "memory");
}
#else
#define exit_trace(kind, at, value) ((void)0)
#endif

#endif
