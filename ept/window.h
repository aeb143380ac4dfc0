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
    /* Where all addresses below direct_end are mapped in one piece, `direct` is where address 0 is: no call then. */
    char *direct;
    u64 direct_end; /* 0: no such piece */
};

struct window {
    struct ept *ept;
    struct physmap physmap;
    bool page_1g; /* the guest's CPUID has 1 GiB pages (its own paging, not the EPT) */
    /*
     * Called, if not NULL, after Exeunt wrote for the guest to a page that is read-only in the EPT for cached code
     * (SPEC 5.2). It may call ept_write_allow().
     */
    void (*written)(void *context, gpa_t page);
    void *written_context;
};

/*
 * Looks up the 4 KiB page of `at`. For RAM and DEVICE, *ptr is where the byte can be touched, up to the page's end (a
 * DEVICE: by single machine accesses of the guest's own size); for the other classes *ptr is NULL. Who writes through
 * *ptr calls window_written() after it.
 */
static inline enum ept_class window_find(const struct window *window, gpa_t at, void **ptr);

/* The 4 KiB page of `at` was written through a pointer that window_find() gave: cached code in it must go. */
void window_written(const struct window *window, gpa_t at);

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

/* Where `at` is mapped. For addresses that window_find() or window_ram() vouched for, and no others. */
static inline void *window_map(const struct window *window, u64 at)
{
    if (at < window->physmap.direct_end)
        return window->physmap.direct + at;
    return window->physmap.map(window->physmap.context, hpa(at));
}

/* Where `at` is mapped if it is RAM that no hole hides, else NULL. */
static inline void *window_ram(const struct window *window, u64 at)
{
    const struct range *clear = window->ept->clear;
    for (u32 i = 0; i < window->ept->clear_count; i++) {
        if (at - clear[i].start < clear[i].end - clear[i].start)
            return window_map(window, at);
    }
    return NULL;
}

/* The rest of window_find(). */
enum ept_class window_find_other(const struct window *window, gpa_t at, void **ptr);

/* First where most accesses go: the largest piece of RAM, and the LAPIC. */
static inline enum ept_class window_find(const struct window *window, gpa_t at, void **ptr)
{
    const struct range *ram = &window->ept->clear[0];
    if (at.at - ram->start < ram->end - ram->start) {
        *ptr = window_map(window, at.at);
        return EPT_CLASS_RAM;
    }
    return window_find_other(window, at, ptr);
}

#endif
