/* SPDX-License-Identifier: BSD-2-Clause */
/* What tools/pack-constants packed after the link. */
#ifndef BOOT_UNPACK_H
#define BOOT_UNPACK_H

#include "lib/types.h"

/*
 * Fills `to` up to `end` from the packed bytes. They may lie inside what is filled, so far behind its start that
 * reading stays ahead of writing; tools/pack-constants sees to that.
 *
 * Packed are bits, first the lowest of a byte; whenever they run out, the next byte is taken. A bit 0: the next byte is
 * meant. A bit 1: a copy of what was written before, as a number and a byte (distance - 1, the number's share being its
 * bits from 8 on, plus 1) and a number (length - 1). A number: its bits below the highest, from there down, each behind
 * a bit 1; then a bit 0.
 */
void unpack(u8 *to, const u8 *end, const u8 *packed);

#endif
