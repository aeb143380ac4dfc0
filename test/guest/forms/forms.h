/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every form of an instruction with an operand in device memory, run twice from the same state: with the operand in
 * ordinary memory, and in a page that Exeunt may trap (trap=mmio:). Registers, flags, memory and faults must be equal.
 */
#ifndef FORMS_H
#define FORMS_H

#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"

/* In table.S: code that ends in a near return, rBX at its operand, rBP at scratch memory. */
struct form {
    word code;
    const char *name;
    word flags; /* those that the SDM defines afterwards */
};
extern const struct form forms[], forms_end[];

/* In the order of the encoding; what form_run() loads, and what the form left. */
struct registers {
    word gpr[8], flags;
};
extern struct registers form_registers;
extern word form_code;
void form_run(void);

/* The device: pages before, at and behind the trapped one; and the same in ordinary memory. */
#define PAGE 4096u
extern u8 *device_pages, *plain_pages;

void forms_strings(void); /* strings.c */

#endif
