/* SPDX-License-Identifier: BSD-2-Clause */
#include "emul/decode.h"

bool decode_vex(struct decoder *d, u8 first)
{
    (void)first;
    return false;
}
