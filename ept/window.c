/* SPDX-License-Identifier: BSD-2-Clause */
#include "ept/window.h"

#include "lib/string.h"

/* The guest's memory has no types and no alignment that C knows of. */
typedef u16 __attribute__((aligned(1), may_alias)) any_u16;
typedef u32 __attribute__((aligned(1), may_alias)) any_u32;
typedef u64 __attribute__((aligned(1), may_alias)) any_u64;

enum ept_class window_find_other(const struct window *window, gpa_t at, void **ptr)
{
    enum ept_class class = ept_classify(window->ept, at);
    bool mapped = class == EPT_CLASS_RAM || class == EPT_CLASS_DEVICE;
    *ptr = mapped ? window_map(window, at.at) : NULL;
    return class;
}

void window_written(const struct window *window, gpa_t at)
{
    if (!window->ept->counts.read_only_pages || !window->written)
        return;
    if (ept_write_protected(window->ept, at))
        window->written(window->written_context, gpa(align_down(at.at, PAGE_SIZE)));
}

/* One machine access. False: no access of `size` bytes exists. */
static bool load(const volatile void *from, void *to, u32 size)
{
    switch (size) {
    case 1:
        *(u8 *)to = *(const volatile u8 *)from;
        return true;
    case 2:
        *(any_u16 *)to = *(const volatile any_u16 *)from;
        return true;
    case 4:
        *(any_u32 *)to = *(const volatile any_u32 *)from;
        return true;
    case 8:
        *(any_u64 *)to = *(const volatile any_u64 *)from;
        return true;
    }
    return false;
}

static bool store(volatile void *to, const void *from, u32 size)
{
    switch (size) {
    case 1:
        *(volatile u8 *)to = *(const u8 *)from;
        return true;
    case 2:
        *(volatile any_u16 *)to = *(const any_u16 *)from;
        return true;
    case 4:
        *(volatile any_u32 *)to = *(const any_u32 *)from;
        return true;
    case 8:
        *(volatile any_u64 *)to = *(const any_u64 *)from;
        return true;
    }
    return false;
}

/* The largest machine access that is not longer than `length`: devices get no others. */
static u32 piece(u32 length)
{
    return length >= 8 ? 8 : length >= 4 ? 4 : length >= 2 ? 2 : 1;
}

static void read_page(enum ept_class class, const char *from, char *to, u32 length)
{
    if (load(from, to, length))
        return;
    if (class == EPT_CLASS_RAM) {
        memcpy(to, from, length);
        return;
    }
    for (u32 size; length; from += size, to += size, length -= size) {
        size = piece(length);
        load(from, to, size);
    }
}

static void write_page(enum ept_class class, char *to, const char *from, u32 length)
{
    if (store(to, from, length))
        return;
    if (class == EPT_CLASS_RAM) {
        memcpy(to, from, length);
        return;
    }
    for (u32 size; length; from += size, to += size, length -= size) {
        size = piece(length);
        store(to, from, size);
    }
}

/* How much of an access of `length` bytes at `at` falls into its first page. */
static u32 in_page(u64 at, u32 length)
{
    return (u32)min_u64(length, PAGE_SIZE - (at & ~PAGE_MASK));
}

bool window_read(const struct window *window, gpa_t at, void *buffer, u32 length)
{
    bool all = true;
    char *to = buffer;
    for (u32 size; length; to += size, at.at += size, length -= size) {
        void *from;
        size = in_page(at.at, length);
        enum ept_class class = window_find(window, at, &from);
        if (from) {
            read_page(class, from, to, size);
            continue;
        }
        memset(to, 0xff, size);
        window->ept->counts.own_reads += class == EPT_CLASS_OWN;
        all = false;
        if (at.at + size < at.at) /* 2^64 is no address; what follows it is not page 0 */
            return memset(to, 0xff, length), false;
    }
    return all;
}

bool window_write(const struct window *window, gpa_t at, const void *buffer, u32 length)
{
    bool all = true;
    const char *from = buffer;
    for (u32 size; length; from += size, at.at += size, length -= size) {
        void *to;
        size = in_page(at.at, length);
        enum ept_class class = window_find(window, at, &to);
        if (to) {
            write_page(class, to, from, size);
            window_written(window, at);
            continue;
        }
        window->ept->counts.own_writes += class == EPT_CLASS_OWN;
        all = false;
        if (at.at + size < at.at)
            return false;
    }
    return all;
}

static bool exchange(void *at, u32 size, u64 expected, u64 desired)
{
    if (size == 4) {
        u32 old = (u32)expected;
        return __atomic_compare_exchange_n((u32 *)at, &old, (u32)desired, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    }
    return __atomic_compare_exchange_n((u64 *)at, &expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

bool window_compare_exchange(const struct window *window, gpa_t at, u32 size, u64 expected, u64 desired)
{
    void *ptr;
    enum ept_class class = window_find(window, at, &ptr);
    if (!ptr) {
        window->ept->counts.own_writes += class == EPT_CLASS_OWN;
        return false;
    }
    if (!exchange(ptr, size, expected, desired))
        return false;
    window_written(window, at);
    return true;
}
