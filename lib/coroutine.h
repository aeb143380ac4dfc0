/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A function that pauses in its middle and goes on there later, on a stack of its own. It may be left for good while it
 * pauses: nothing but the stack is its.
 */
#ifndef LIB_COROUTINE_H
#define LIB_COROUTINE_H

#include "lib/types.h"

#ifdef EXEUNT_HOST
/* AddressSanitizer's, where that is linked. */
void __asan_unpoison_memory_region(const volatile void *from, size_t length) __attribute__((weak));
#endif

/* Whoever has paused on this stack does not go on: for tools that know what in it is in use. */
static inline void coroutine_forget(void *stack, u64 size)
{
#ifdef EXEUNT_HOST
    if (__asan_unpoison_memory_region)
        __asan_unpoison_memory_region(stack, size);
#endif
}

/* Its stack pointer while it pauses; while it runs, that of who let it. */
struct coroutine {
    u64 *stack;
};

/* lib/coroutine.S: the registers that a call keeps go to the stack, and those of the other one come from there. */
void coroutine_switch(struct coroutine *coroutine);
void coroutine_start(void);

/*
 * The first coroutine_switch() calls `body`, which pauses by the same call. It must not return: at its end it pauses
 * for good. The stack's end is 16-aligned.
 */
static inline void coroutine_begin(struct coroutine *coroutine, void *stack, u64 size, void (*body)(void *context),
                                   void *context)
{
    u64 *top = (u64 *)((u8 *)stack + size);
    coroutine_forget(stack, size);
    *--top = (u64)coroutine_start;
    *--top = (u64)body;
    *--top = (u64)context;
    coroutine->stack = top - 4;
}

#endif
