/* SPDX-License-Identifier: BSD-2-Clause */
/* Which interprocessor interrupts a guest may send while other CPUs are not its own (SPEC 2.6). */
#include "emul/device.h"

/* SDM "Interrupt Command Register (ICR)". */
#define ICR_LOGICAL BIT(11)

enum icr_shorthand { TO_DESTINATION, TO_SELF, TO_ALL, TO_OTHERS };

/* Who gets the command, as far as the sender is concerned. */
enum reach { REACH_SELF, REACH_SELF_AND_OTHERS, REACH_OTHERS };

static enum reach reach_physical(u32 destination, u32 broadcast, const struct icr_sender *sender)
{
    if (destination == broadcast)
        return REACH_SELF_AND_OTHERS;
    return destination == sender->id ? REACH_SELF : REACH_OTHERS;
}

/*
 * SDM "Logical Destination Mode", "Logical Destination Mode in x2APIC Mode". Whoever shares the sender's logical ID
 * would get it too, so a match never means the sender alone.
 */
static enum reach reach_logical(u32 destination, bool x2apic, const struct icr_sender *sender)
{
    u32 common = destination & sender->logical;
    bool match;

    if (x2apic)
        match = destination == 0xffffffff || (!((destination ^ sender->logical) >> 16) && (common & 0xffff));
    else if (sender->cluster)
        match = destination == 0xff || (!((destination ^ sender->logical) & 0xf0) && (common & 0xf));
    else
        match = common & 0xff;
    return match ? REACH_SELF_AND_OTHERS : REACH_OTHERS;
}

static enum reach icr_reach(u64 icr, bool x2apic, const struct icr_sender *sender)
{
    u32 destination = x2apic ? (u32)(icr >> 32) : (u32)(icr >> 56);

    switch ((enum icr_shorthand)((icr >> 18) & 3)) {
    case TO_SELF:
        return REACH_SELF;
    case TO_ALL:
        return REACH_SELF_AND_OTHERS;
    case TO_OTHERS:
        return REACH_OTHERS;
    case TO_DESTINATION:
        break;
    }
    if (icr & ICR_LOGICAL)
        return reach_logical(destination, x2apic, sender);
    return reach_physical(destination, x2apic ? 0xffffffff : 0xff, sender);
}

enum icr_verdict icr_guard(u64 icr, bool x2apic, const struct icr_sender *sender)
{
    if (icr_harmless(icr))
        return ICR_PERFORM;
    switch (icr_reach(icr, x2apic, sender)) {
    case REACH_SELF:
        return ICR_PERFORM;
    case REACH_SELF_AND_OTHERS:
        return ICR_SELF_ONLY;
    case REACH_OTHERS:
        break;
    }
    return ICR_SWALLOW;
}
