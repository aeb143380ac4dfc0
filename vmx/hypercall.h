/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMCALL from the guest (SPEC 9). Pure: what a call does to the rest of Exeunt goes through struct hypercall_host.
 */
#ifndef VMX_HYPERCALL_H
#define VMX_HYPERCALL_H

#include "lib/types.h"
#include "lib/vcpu.h"
#include "vmx/phases.h"

/* `hypercall=`: who in the guest may call. */
enum hypercall_access { HYPERCALL_KERNEL, HYPERCALL_USER, HYPERCALL_OFF };

/* EAX of a call. */
enum hypercall_function {
    HYPERCALL_RESET = 0x45580001,
    HYPERCALL_REPORT = 0x45580002,
    HYPERCALL_MARK = 0x45580003,
    HYPERCALL_COUNTER = 0x45580004,
};

/* EAX on return. */
enum hypercall_status { HYPERCALL_SUCCESS, HYPERCALL_UNKNOWN_FUNCTION, HYPERCALL_BAD_ARGUMENT };

/* EBX of HYPERCALL_COUNTER. */
enum hypercall_counter {
    HYPERCALL_EXITS,
    HYPERCALL_AVOIDED,
    HYPERCALL_TSC_EXEUNT,
    HYPERCALL_TSC_GUEST,
    HYPERCALL_TC_HITS,
    HYPERCALL_TC_MISSES,
    HYPERCALL_INVALIDATIONS,
    HYPERCALL_MEMORY_OWNED,
    HYPERCALL_COUNTER_COUNT
};

#define MARK_NAME_MAX 8
#define MARKS_MAX 64

struct mark {
    u32 number;
    char name[MARK_NAME_MAX + 1]; /* "" for none */
    u64 values[HYPERCALL_COUNTER_COUNT];
    u32 first_row, rows; /* of the phase that it ends */
};

/* Marks wait here for the next report. */
struct marks {
    u32 count;
    struct mark mark[MARKS_MAX];
    struct phases phases;
};

struct hypercall_host {
    void *context;
    struct marks *marks;
    void (*reset)(void *context);
    void (*report)(void *context);      /* also prints and empties *marks */
    void (*flush_marks)(void *context); /* prints and empties *marks: they are full */
    u64 (*counter)(void *context, enum hypercall_counter index);
    bool (*measure)(void *context, struct mark *new); /* all but number and name; false: no room, likewise */
};

/* Whether code at `cpl` may call; if not, VMCALL is #UD as on bare metal. */
bool hypercall_allowed(enum hypercall_access access, unsigned cpl);

/* Performs the call whose registers are in gpr[] and leaves the answer there. RIP is the caller's matter. */
void hypercall_perform(const struct hypercall_host *host, u64 gpr[GPR_COUNT]);

#endif
