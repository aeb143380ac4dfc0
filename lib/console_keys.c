/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/console_keys.h"

#include "lib/string.h"

bool console_keys_see(struct console_keys *keys, u8 byte, u64 now)
{
    if (byte != CONSOLE_KEY || !keys->limit) {
        keys->count = 0;
        return false;
    }
    memmove(keys->pressed, keys->pressed + 1, sizeof(keys->pressed) - sizeof(keys->pressed[0]));
    keys->pressed[CONSOLE_KEYS - 1] = now;
    if (++keys->count < CONSOLE_KEYS || now - keys->pressed[0] > keys->limit)
        return false;
    keys->count = 0;
    return true;
}
