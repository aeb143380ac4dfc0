/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segment and system descriptors of the guest's GDT and LDT: reading them, and what they become in a segment register.
 * The 8-byte form only (all of legacy mode; in IA-32e mode code and data, of system descriptors the lower half).
 */
#ifndef EMUL_DESCRIPTOR_H
#define EMUL_DESCRIPTOR_H

#include "emul/access.h"
#include "lib/vcpu.h"

enum selector_bits {
    SELECTOR_RPL = 3,
    SELECTOR_LDT = 4, /* table indicator */
    SELECTOR_INDEX = 0xfff8,
};

/* RPL 0 to 3 in the first slot of the GDT: loads nothing. */
static inline bool selector_is_null(u16 selector)
{
    return !(selector & (SELECTOR_INDEX | SELECTOR_LDT));
}

/* What an error code says about a selector (SDM "Error Code"); EXT is the caller's to add. */
static inline u32 selector_error(u16 selector)
{
    return selector & (SELECTOR_INDEX | SELECTOR_LDT);
}

/* Type field of system descriptors (SDM "System Descriptor Types"), legacy mode. */
enum system_type {
    SYSTEM_TSS_16 = 1,
    SYSTEM_LDT = 2,
    SYSTEM_TSS_16_BUSY = 3,
    SYSTEM_CALL_GATE_16 = 4,
    SYSTEM_TASK_GATE = 5,
    SYSTEM_TSS_32 = 9,
    SYSTEM_TSS_32_BUSY = 11,
    SYSTEM_CALL_GATE_32 = 12,
};
#define SYSTEM_TYPE_BUSY 2 /* the bit between available and busy */

enum descriptor_status {
    DESCRIPTOR_OK,
    DESCRIPTOR_OUTSIDE, /* beyond the table's limit, or there is no LDT: the caller knows whether #GP or #TS */
    DESCRIPTOR_RAISED,  /* #PF is raised in the vcpu */
};

/* Fields of a descriptor as it stands in memory. */
static inline u32 descriptor_base(u64 raw)
{
    return (u32)(raw >> 16 & 0xffffff) | (u32)(raw >> 56) << 24;
}

/* In bytes, scaled by G. */
static inline u32 descriptor_limit(u64 raw)
{
    u32 limit = (u32)(raw & 0xffff) | (u32)(raw >> 32 & 0xf0000);
    return raw & BIT(55) ? limit << 12 | 0xfff : limit;
}

/* Access rights in the VMCS format (enum segment_access). */
static inline u32 descriptor_access(u64 raw)
{
    return (u32)(raw >> 40) & 0xf0ff;
}

static inline u32 descriptor_type(u64 raw)
{
    return (u32)(raw >> 40) & ACCESS_TYPE;
}

static inline u32 descriptor_dpl(u64 raw)
{
    return (u32)(raw >> 45) & 3;
}

static inline bool descriptor_present(u64 raw)
{
    return raw & BIT(47);
}

/* Code or data; system descriptors otherwise. */
static inline bool descriptor_is_segment(u64 raw)
{
    return raw & BIT(44);
}

static inline bool descriptor_is_code(u64 raw)
{
    return descriptor_is_segment(raw) && (descriptor_type(raw) & ACCESS_TYPE_CODE);
}

/* Whether a data segment register may be loaded so (SDM "MOV", "Task Switching"). */
enum descriptor_verdict {
    DESCRIPTOR_FITS,
    DESCRIPTOR_BAD,   /* #GP(selector), #TS(selector) in a task switch */
    DESCRIPTOR_ABSENT /* #NP(selector), #SS(selector) for SS */
};
enum descriptor_verdict descriptor_judge(u64 raw, u16 selector, enum segment_name name, u32 cpl);

/* The register's contents after a load of `selector` with this descriptor (accessed as the load leaves it). */
struct segment descriptor_segment(u64 raw, u16 selector);

/* A register that holds a null selector: unusable. `dpl` stays visible in SS, where it is the CPL. */
struct segment descriptor_null_segment(u16 selector, u32 dpl);

/*
 * Where the descriptor of `selector` is: DESCRIPTOR_OUTSIDE unless all 8 bytes are within the limit of the GDT or LDT.
 * The null selector is not treated apart.
 */
enum descriptor_status descriptor_address(struct vcpu *v, u16 selector, gva_t *at);

/* Reads it, as an implicit supervisor access. */
enum descriptor_status descriptor_read(struct vcpu *v, u16 selector, u64 *raw);

/*
 * Sets the accessed flag in memory if it is clear, as loading a code or data segment does. False: #PF is raised and
 * nothing written.
 */
bool descriptor_set_accessed(struct vcpu *v, u16 selector, u64 raw);

/* Sets `bits` of the type field in memory, locked. False: #PF is raised and nothing written. */
bool descriptor_set_type(struct vcpu *v, u16 selector, u32 bits);

#endif
