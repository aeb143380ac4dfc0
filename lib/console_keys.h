/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keys that ask for a report: Ctrl-^ (1EH), three times within two seconds, with nothing between.
 *
 * Why this one: Ctrl-^ (Ctrl-6 in most terminals, else Ctrl-Shift-6) is no signal, editing or flow-control character of
 * a tty, means nothing to GRUB's menu and to shells, and begins no command of screen and minicom (Ctrl-A), tmux
 * (Ctrl-B), tio (Ctrl-T), telnet and virsh (Ctrl-]), ssh and cu (~). It does on Cisco's terminal servers: there each is
 * typed twice. One alone is a command of vi and Emacs; the guest gets them all, so a report is asked for elsewhere.
 */
#ifndef LIB_CONSOLE_KEYS_H
#define LIB_CONSOLE_KEYS_H

#include "lib/types.h"

#define CONSOLE_KEY 0x1e
#define CONSOLE_KEYS 3
#define CONSOLE_KEYS_MS 2000

struct console_keys {
    u64 limit;                 /* TSC ticks from the first to the last; 0: nobody waits for them */
    u64 pressed[CONSOLE_KEYS]; /* when; the latest last */
    u32 count;                 /* of these that count */
};

/* `byte` was typed, and read at `now`. True: the sequence is complete. */
bool console_keys_see(struct console_keys *keys, u8 byte, u64 now);

#endif
