/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions and interrupts: a handler, a caught fault, or the end of the test. */
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"

u8 idt[256 * 16] __attribute__((aligned(16)));
struct fault fault;
struct context attempt_context;
volatile bool attempt_armed;

static trap_handler handlers[256];
static struct context user_context;
static u8 user_stack[8192] __attribute__((aligned(16)));

#define VECTOR_USER_RETURN 0x80
#define GATE_INTERRUPT 0x8e
#define GATE_DPL3 0x60

extern const u8 trap_stubs[];
void trap_dispatch(struct frame *frame);
void user_enter(void (*function)(word), word argument, word stack);

void idt_set(u8 vector, word target, u16 selector, u8 type_and_dpl)
{
    u32 gate_bytes = LONG_MODE ? 16 : 8;
    u32 *gate = (u32 *)(void *)&idt[vector * gate_bytes];
    gate[0] = (u32)selector << 16 | (target & 0xffff);
    gate[1] = ((u32)target & 0xffff0000u) | (u32)type_and_dpl << 8;
    if (LONG_MODE) {
        gate[2] = (u32)((u64)target >> 32);
        gate[3] = 0;
    }
}

void idt_restore(u8 vector)
{
    bool user = vector == VECTOR_BP || vector == VECTOR_OF || vector == VECTOR_USER_RETURN;
    idt_set(vector, (word)trap_stubs + vector * 16u, SELECTOR_CODE, (u8)(GATE_INTERRUPT | (user ? GATE_DPL3 : 0)));
}

void idt_load(void)
{
    struct table_register idtr = {256 * (LONG_MODE ? 16 : 8) - 1, (word)idt};
    __asm__ volatile("lidt %0" : : "m"(idtr) : "memory");
}

void on_vector(u8 vector, trap_handler handler)
{
    handlers[vector] = handler;
}

static void note_fault(const struct frame *f)
{
    bool from_user = f->cs & 3;
    fault = (struct fault){.happened = true,
                           .vector = (u8)f->vector,
                           .error = (u32)f->error,
                           .ip = f->ip,
                           .address = f->vector == VECTOR_PF ? read_cr2() : 0,
                           .cs = f->cs,
                           .flags = f->flags,
                           .ax = f->ax,
                           .cx = f->cx,
                           .dx = f->dx,
                           .bx = f->bx,
                           .si = f->si,
                           .di = f->di,
                           .sp = LONG_MODE || from_user ? f->sp : (word)&f->sp,
                           .bp = f->bp};
}

void trap_dispatch(struct frame *frame)
{
    u8 vector = (u8)frame->vector;
    if (vector == VECTOR_USER_RETURN && (frame->cs & 3))
        context_resume(&user_context);
    if (handlers[vector]) {
        handlers[vector](frame);
        return;
    }
    note_fault(frame);
    if (attempt_armed) {
        attempt_armed = false;
        context_resume(&attempt_context);
    }
    fail("unexpected-trap", "vector %u error 0x%x at 0x%lx cr2 0x%lx", vector, fault.error, fault.ip, read_cr2());
    finish();
}

void run_user(void (*function)(word), word argument)
{
    if (!context_save(&user_context))
        user_enter(function, argument, (word)user_stack + sizeof(user_stack) - 64);
}

void check_fault(const char *name, u8 vector, u32 error)
{
    if (fault.happened && fault.vector == vector && fault.error == error)
        pass(name);
    else if (fault.happened)
        fail(name, "got vector %u error 0x%x want vector %u error 0x%x", fault.vector, fault.error, vector, error);
    else
        fail(name, "got no fault want vector %u error 0x%x", vector, error);
}

void check_no_fault(const char *name)
{
    if (!fault.happened)
        pass(name);
    else
        fail(name, "got vector %u error 0x%x want no fault", fault.vector, fault.error);
}
