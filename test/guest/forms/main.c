/* SPDX-License-Identifier: BSD-2-Clause */
/* The forms of table.S at several places in and around the device's page. */
#include "test/guest/forms/forms.h"

#define WINDOW 160u /* bytes on both sides of the operand that are filled and compared */

struct registers form_registers;
word form_code;
u8 *device_pages, *plain_pages;

static u8 plain[3 * PAGE + 2 * WINDOW] __attribute__((aligned(4096)));
static u8 scratch[2 * WINDOW] __attribute__((aligned(32)));

/* What a run left. */
struct outcome {
    struct registers registers;
    word operand;
    bool faulted;
    u8 vector;
    u32 error;
    u8 memory[2 * WINDOW], scratch[2 * WINDOW];
};

static u32 seed;
static u32 next_random(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed ^ seed >> 16;
}

/* FS:40H is the operand. */
static void point_fs(word operand)
{
    if (LONG_MODE) {
        wrmsr(MSR_FS_BASE, operand - 0x40);
        return;
    }
    gdt[SELECTOR_FREE / 8] = descriptor((u32)operand - 0x40, 0xffff, 0x4093);
    __asm__ volatile("mov %0, %%fs" : : "r"(SELECTOR_FREE));
}

static void fill(u8 *bytes)
{
    for (u32 i = 0; i < 2 * WINDOW; i++)
        bytes[i] = (u8)next_random();
}

/* One instruction, so that a trapped page exits once. */
static void copy(void *to, const void *from)
{
    u32 count = 2 * WINDOW / 4;
    __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

static void set_registers(word operand)
{
    for (u32 i = 0; i < 8; i++)
        form_registers.gpr[i] = (word)((u64)next_random() << 32 | next_random());
    form_registers.flags = (next_random() & 0x8d5) | 2;
    form_registers.gpr[3] = operand;
    form_registers.gpr[5] = (word)scratch + WINDOW;
}

static void note(struct outcome *outcome, word operand)
{
    const word gpr[8] = {fault.ax, fault.cx, fault.dx, fault.bx, 0, fault.bp, fault.si, fault.di};
    outcome->registers = form_registers;
    outcome->faulted = fault.happened;
    outcome->vector = fault.happened ? fault.vector : 0;
    outcome->error = fault.happened ? fault.error : 0;
    for (u32 i = 0; i < 8; i++) {
        word *value = &outcome->registers.gpr[i];
        if (fault.happened)
            *value = gpr[i];
    }
    outcome->operand = operand;
    outcome->registers.gpr[4] = 0;
    if (fault.happened)
        outcome->registers.flags = fault.flags;
}

static void run(const struct form *form, u8 *operand, u32 with_seed, struct outcome *outcome)
{
    seed = with_seed;
    point_fs((word)operand);
    fill(outcome->memory);
    copy(operand - WINDOW, outcome->memory);
    fill(scratch);
    set_registers((word)operand);
    form_code = form->code;
    ATTEMPT(form_run());
    note(outcome, (word)operand);
    copy(outcome->memory, operand - WINDOW);
    copy(outcome->scratch, scratch);
}

static bool bytes_equal(const char *name, const char *which, const u8 *want, const u8 *got)
{
    for (u32 i = 0; i < 2 * WINDOW; i++)
        if (got[i] != want[i]) {
            fail(name, "%s %d: got 0x%x want 0x%x", which, (int)i - (int)WINDOW, got[i], want[i]);
            return false;
        }
    return true;
}

/* The same value, or both the same way from the operand. */
static bool register_same(const struct outcome *want, const struct outcome *got, u32 i)
{
    word a = want->registers.gpr[i], b = got->registers.gpr[i];
    return a == b || a - want->operand == b - got->operand;
}

static bool same(const char *name, int at, word flags, const struct outcome *want, const struct outcome *got)
{
    if (want->faulted != got->faulted || want->vector != got->vector || want->error != got->error) {
        fail(name, "at %d: got %d vector %u error 0x%x want %d vector %u error 0x%x", at, got->faulted, got->vector,
             got->error, want->faulted, want->vector, want->error);
        return false;
    }
    for (u32 i = 0; i < 8; i++)
        if (!register_same(want, got, i)) {
            fail(name, "at %d: register %u got 0x%lx want 0x%lx", at, i, got->registers.gpr[i], want->registers.gpr[i]);
            return false;
        }
    if ((want->registers.flags ^ got->registers.flags) & flags) {
        fail(name, "at %d: flags got 0x%lx want 0x%lx", at, got->registers.flags, want->registers.flags);
        return false;
    }
    return bytes_equal(name, "memory", want->memory, got->memory) &&
           bytes_equal(name, "scratch", want->scratch, got->scratch);
}

/* Within the page, and over both of its borders: aligned, by a byte, by words. */
static bool run_at_all(const struct form *form)
{
    static const int places[] = {0x100, 0x201, -1, -2, -4, -8, -15, 0, 0xfff, 0xffe, 0xffc, 0xff8, 0xff0, 0x1000};
    static struct outcome want, got;
    for (u32 i = 0; i < COUNT_OF(places); i++) {
        u32 with_seed = (u32)form->code * 7 + i;
        run(form, plain_pages + PAGE + places[i], with_seed, &want);
        run(form, device_pages + PAGE + places[i], with_seed, &got);
        if (!same(form->name, places[i], form->flags, &want, &got))
            return false;
    }
    return true;
}

static word number(const char *text)
{
    word value = 0;
    for (text += 2; *text && *text != ' '; text++)
        value = value * 16 + (word)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
    return value;
}

/* SSE, MMX, and AVX where there is XSAVE. */
static void vectors_on(void)
{
    write_cr0((read_cr0() & ~(word)(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE);
    write_cr4(read_cr4() | CR4_OSFXSR);
    if (!(cpuid(1, 0).ecx >> 26 & 1))
        return;
    write_cr4(read_cr4() | CR4_OSXSAVE);
    __asm__ volatile("xsetbv" : : "a"(cpuid(1, 0).ecx >> 28 & 1 ? 7 : 3), "d"(0), "c"(0));
}

static u32 count_forms(void)
{
    u32 count = 0;
    for (const struct form *form = forms; form < forms_end; form++)
        count++;
    return count;
}

/* device=0xADDRESS: the page that Exeunt was told to trap, RAM or memory of a device that behaves like it. */
void guest_main(void)
{
    const char *device = option("device");
    plain_pages = plain;
    device_pages = (u8 *)(device ? number(device) : 0x3000000) - PAGE;
    vectors_on();
    __asm__ volatile("lldt %w0" : : "r"(0)); /* the reset state is an LDT of what lies at 0 */
    if (option_is("test", "strings")) {
        forms_strings();
        return;
    }
    print("INFO %u forms\n", count_forms());
    for (const struct form *form = forms; form < forms_end; form++)
        if (run_at_all(form))
            pass(form->name);
}
