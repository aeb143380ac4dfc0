/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/vmcs_fields.h"

/* Bit 0 is the access type, bits 12 and 31:15 are reserved. */
#define FIELD(encoding, symbol) _Static_assert(((encoding) & ~0x6ffeu) == 0, #symbol " is not a full-access encoding");
#include "vmx/vmcs_fields.def"
#undef FIELD

/* vmcs_guest_selector() and its sisters step by 2 in the order of enum segment_name. */
#define SEGMENT(name)                                                                                                  \
    _Static_assert(VMCS_GUEST_##name##_SELECTOR == VMCS_GUEST_ES_SELECTOR + 2 * SEG_##name, #name " selector");        \
    _Static_assert(VMCS_GUEST_##name##_BASE == VMCS_GUEST_ES_BASE + 2 * SEG_##name, #name " base");                    \
    _Static_assert(VMCS_GUEST_##name##_LIMIT == VMCS_GUEST_ES_LIMIT + 2 * SEG_##name, #name " limit");                 \
    _Static_assert(VMCS_GUEST_##name##_ACCESS == VMCS_GUEST_ES_ACCESS + 2 * SEG_##name, #name " access rights");
SEGMENT(ES)
SEGMENT(CS)
SEGMENT(SS)
SEGMENT(DS)
SEGMENT(FS)
SEGMENT(GS)
SEGMENT(LDTR)
SEGMENT(TR)
#undef SEGMENT

const char *vmcs_field_name(u32 field)
{
    switch (field) {
#define FIELD(encoding, symbol)                                                                                        \
    case encoding:                                                                                                     \
        return #symbol;
#include "vmx/vmcs_fields.def"
#undef FIELD
    }
    return "?";
}
