/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ground of a micro-guest: results on COM1, faults that can be caught, and the end.
 *
 * A micro-guest is a Multiboot1 image that runs bare and under Exeunt, and prints the same lines in both wherever the
 * architecture fixes the result. Lines: PASS, FAIL, SKIP (compared), INFO (may differ), HV (only under Exeunt),
 * DONE NAME last. Built for 32 bits (word is 4 bytes) and, where listed in the Makefile, for 64.
 */
#ifndef GUEST_LIB_GUEST_H
#define GUEST_LIB_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef unsigned long word; /* a general register */

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define WORD_BITS (sizeof(word) * 8)
#define LONG_MODE (sizeof(word) == 8)

/* Multiboot1 information, as far as micro-guests look at it. */
struct multiboot_info {
    u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4], mmap_length, mmap_addr;
};

struct multiboot_mmap {
    u32 size; /* of what follows */
    u64 base, length;
    u32 type; /* 1: RAM */
} __attribute__((packed));

extern const struct multiboot_info *boot_info;

/* Each micro-guest has one. What it returns is not used: results are what it printed. */
void guest_main(void);
extern const char guest_name[];

/* %s %c %d %u %x %lx %llx %08x and the like; a line ends with \n. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void put_char(char c);
/* Waits until COM1 has sent everything: the emulator loses what is in its shift register at the end. */
void console_drain(void);

void pass(const char *name);
void fail(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
void skip(const char *name, const char *why);
void check(const char *name, u64 got, u64 want);
void check_true(const char *name, bool true_as_it_should_be);

/* The value of option NAME (`NAME=value`) on the command line, or NULL; `value` ends at a blank. */
const char *option(const char *name);
bool option_is(const char *name, const char *value);

/* Prints DONE and ends the machine: port 0x8900, or 0xf4 with option exit=f4 (status 0 when nothing failed). */
void finish(void) __attribute__((noreturn));
void halt_forever(void) __attribute__((noreturn));

/* Runs under Exeunt, by CPUID's signature. */
bool under_exeunt(void);

/* What the CPU saved when an exception or interrupt came. */
struct frame;
typedef void (*trap_handler)(struct frame *frame);

struct fault {
    bool happened;
    u8 vector;
    u32 error;
    word ip;
    word address; /* CR2 */
    word cs, flags;
    word ax, cx, dx, bx, si, di, sp, bp;
};

/* What the last ATTEMPT() met. */
extern struct fault fault;

struct context {
    word registers[8];
};

int context_save(struct context *context) __attribute__((returns_twice));
void context_resume(struct context *context) __attribute__((noreturn));
extern struct context attempt_context;
extern volatile bool attempt_armed;

/*
 * Runs the statements; true if one of them faulted (`fault` says how), and then execution goes on after it at CPL 0.
 * A local variable that is written inside and read afterwards must be volatile.
 */
#define ATTEMPT(...)                                                                                                   \
    ({                                                                                                                 \
        fault.happened = false;                                                                                        \
        attempt_armed = true;                                                                                          \
        if (!context_save(&attempt_context)) {                                                                         \
            __VA_ARGS__;                                                                                               \
        }                                                                                                              \
        attempt_armed = false;                                                                                         \
        fault.happened;                                                                                                \
    })

/* The last ATTEMPT() met exactly this fault; NO_ERROR_CODE where the vector has none. */
#define NO_ERROR_CODE 0u
void check_fault(const char *name, u8 vector, u32 error);
void check_no_fault(const char *name);

/* A handler for a vector that returns to what was interrupted; NULL takes it away. */
void on_vector(u8 vector, trap_handler handler);

/* Runs function(argument) at CPL 3 on its own stack, and comes back. Faults in it reach ATTEMPT(). */
void run_user(void (*function)(word), word argument);

#endif
