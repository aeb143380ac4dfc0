/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMCS fields: VMCS_GUEST_RIP... and what their encodings say (SDM "Field Encoding in VMCS").
 */
#ifndef VMX_VMCS_FIELDS_H
#define VMX_VMCS_FIELDS_H

#include "lib/types.h"
#include "lib/vcpu.h"

enum vmcs_field {
#define FIELD(encoding, symbol) VMCS_##symbol = (encoding),
#include "vmx/vmcs_fields.def"
#undef FIELD
};

/* Bits 14:13 of an encoding. */
enum vmcs_width { VMCS_WIDTH_16, VMCS_WIDTH_64, VMCS_WIDTH_32, VMCS_WIDTH_NATURAL };

/* Bits 11:10. */
enum vmcs_type { VMCS_TYPE_CONTROL, VMCS_TYPE_READ_ONLY, VMCS_TYPE_GUEST, VMCS_TYPE_HOST };

static inline enum vmcs_width vmcs_width(u32 field)
{
    return (enum vmcs_width)((field >> 13) & 3);
}

static inline enum vmcs_type vmcs_type(u32 field)
{
    return (enum vmcs_type)((field >> 10) & 3);
}

/* How many bytes the field holds. Exeunt runs in 64-bit mode, where natural width is 8. */
static inline u32 vmcs_bytes(u32 field)
{
    static const u8 bytes[] = {[VMCS_WIDTH_16] = 2, [VMCS_WIDTH_64] = 8, [VMCS_WIDTH_32] = 4, [VMCS_WIDTH_NATURAL] = 8};
    return bytes[vmcs_width(field)];
}

/* VM-exit information; VMWRITE to it fails on most processors. */
static inline bool vmcs_read_only(u32 field)
{
    return vmcs_type(field) == VMCS_TYPE_READ_ONLY;
}

/* Bit 0 of an encoding: bits 63:32 of a 64-bit field alone. Meant for 32-bit code; Exeunt uses full access only. */
static inline bool vmcs_high_half(u32 field)
{
    return field & 1;
}

/* The fields of one guest segment register: enum segment_name has the order of the encodings. */
static inline u32 vmcs_guest_selector(enum segment_name name)
{
    return VMCS_GUEST_ES_SELECTOR + 2 * (u32)name;
}

static inline u32 vmcs_guest_base(enum segment_name name)
{
    return VMCS_GUEST_ES_BASE + 2 * (u32)name;
}

static inline u32 vmcs_guest_limit(enum segment_name name)
{
    return VMCS_GUEST_ES_LIMIT + 2 * (u32)name;
}

static inline u32 vmcs_guest_access(enum segment_name name)
{
    return VMCS_GUEST_ES_ACCESS + 2 * (u32)name;
}

/* For dumps: "GUEST_RIP"...; "?" for an encoding that is not in the table. */
const char *vmcs_field_name(u32 field);

#endif
