/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one window through which Exeunt reads and writes guest-physical memory (SPEC 2.2): it shows exactly what the EPT
 * gives the guest. Exeunt's own region reads ones and swallows writes here just as it does for the guest itself, so no
 * page walk, descriptor read, string move or hypercall can reach it.
 */
#ifndef EPT_WINDOW_H
#define EPT_WINDOW_H

#include "ept/ept.h"
#include "lib/types.h"

/* How host-physical memory is reached: the direct map in ring 0, an array on the host. Maps within one 4 KiB page. */
struct physmap {
    void *(*map)(void *context, hpa_t at);
    void *context;
};

struct window {
    struct ept *ept;
    struct physmap physmap;
    bool page_1g; /* the guest's CPUID has 1 GiB pages (its own paging, not the EPT) */
};

/*
 * Looks up the 4 KiB page of `at`. For RAM and DEVICE, *ptr is where the byte can be touched, up to the page's end (a
 * DEVICE: by single machine accesses of the guest's own size); for the other classes *ptr is NULL.
 */
enum ept_class window_find(const struct window *window, gpa_t at, void **ptr);

/*
 * Copies between the guest's memory and `buffer`; may cross pages. An access of 1, 2, 4 or 8 bytes within a page is one
 * machine access. OWN (counted), BEYOND and TRAPPED pages read ones and swallow writes: whoever must serve a
 * trapped page asks window_find() first. Returns false if any byte was such.
 */
bool window_read(const struct window *window, gpa_t at, void *buffer, u32 length);
bool window_write(const struct window *window, gpa_t at, const void *buffer, u32 length);

/*
 * Atomically replaces `expected` by `desired` (size 4 or 8, aligned), as the CPU does when it sets accessed and dirty
 * flags. Returns false when the memory held something else, or is none (then nothing is written, OWN is counted).
 */
bool window_compare_exchange(const struct window *window, gpa_t at, u32 size, u64 expected, u64 desired);

#endif
