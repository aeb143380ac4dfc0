/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * String instructions that something comes between: a page that is not there, a single step, a data breakpoint. What
 * is seen must be the same in the trapped page as in plain memory.
 */
#include "test/guest/forms/forms.h"
#include "test/guest/lib/paging.h"
#include "test/guest/lib/palette.h"

#define ERROR_WRITE 2u
#define BEFORE 10u /* bytes in front of the page that is missing: a doubleword straddles */
#define BYTES 26u

static u8 other[64] __attribute__((aligned(64)));

#define STRING(name, insn)                                                                                             \
    static void name(word si, word di, word cx)                                                                        \
    {                                                                                                                  \
        __asm__ volatile(insn : "+S"(si), "+D"(di), "+c"(cx) : "a"(0), "d"(PALETTE_DATA) : "memory", "cc");            \
    }
STRING(movsb, "rep movsb")
STRING(movsl, "rep movsl")
STRING(stosl, "rep stosl")
STRING(lodsb, "rep lodsb")
STRING(insb, "rep insb")
STRING(outsb, "rep outsb")
STRING(step_movsb,
       "pushf; orl $0x100, (%%" STACK_POINTER "); popf; rep movsb; pushf; andl $~0x100, (%%" STACK_POINTER "); popf")
STRING(movsl_down, "std; rep movsl; cld")

struct string {
    const char *name;
    void (*run)(word si, word di, word cx);
    u32 size;
    bool writes, reads; /* in the page that faults */
};
static const struct string strings[] = {
    {"movsb-out", movsb, 1, false, true}, {"movsb-in", movsb, 1, true, false},  {"movsl-out", movsl, 4, false, true},
    {"movsl-in", movsl, 4, true, false},  {"movsl-both", movsl, 4, true, true}, {"stosl", stosl, 4, true, false},
    {"lodsb", lodsb, 1, false, true},     {"insb", insb, 1, true, false},       {"outsb", outsb, 1, false, true},
};

static void set_present(u8 *page, bool present)
{
    volatile word *entry = page_entry((word)page);
    *entry = (*entry & ~(word)PAGE_P) | (present ? PAGE_P : 0);
    invlpg(page);
}

/* What a run left: the fault, relative to the page, and a sum of the memory on both sides. */
struct seen {
    bool happened;
    u8 vector;
    u32 error;
    word address, si, di, cx, sum;
};

static word sum_of(const u8 *bytes, u32 count)
{
    word sum = 0;
    for (u32 i = 0; i < count; i++)
        sum = sum * 31 + bytes[i];
    return sum;
}

/* `pages`: the second one is the device's, the third one is missing at first. */
static struct seen interrupted(const struct string *s, u8 *pages)
{
    u8 *missing = pages + 2 * PAGE, *at = missing - BEFORE;
    struct seen seen = {0};
    for (u32 i = 0; i < BYTES; i++) {
        at[i] = (u8)(i * 5 + 1);
        other[i] = (u8)(i * 3 + 7);
    }
    palette_fill();
    palette_write_from(100);
    if (s->run == insb)
        palette_read_from(0);
    set_present(missing, false);
    /* Both: the device's page into itself, 4 bytes on. */
    word si = (word)(s->reads ? at : other), di = (word)(s->writes ? (s->reads ? at + 4 : at) : other);
    ATTEMPT(s->run(si, di, 20 / s->size));
    seen.happened = fault.happened;
    seen.vector = fault.vector;
    seen.error = fault.error;
    seen.address = fault.address - (word)missing;
    seen.si = fault.si - si;
    seen.di = fault.di - di;
    seen.cx = fault.cx;
    set_present(missing, true);
    s->run(fault.si, fault.di, fault.cx);
    if (s->run == outsb) {
        palette_read_from(100);
        for (u32 i = 0; i < 20; i++)
            other[i] = inb(PALETTE_DATA);
    }
    seen.sum = sum_of(at, BYTES) * 31 + sum_of(other, BYTES);
    return seen;
}

static void faults(void)
{
    for (u32 i = 0; i < COUNT_OF(strings); i++) {
        const struct string *s = &strings[i];
        struct seen want = interrupted(s, plain_pages), got = interrupted(s, device_pages);
        if (!want.happened || want.vector != VECTOR_PF || want.error != (s->writes ? ERROR_WRITE : 0) || want.address)
            fail(s->name, "plain: happened %d vector %u error 0x%x address 0x%lx", want.happened, want.vector,
                 want.error, want.address);
        else if (got.happened != want.happened || got.vector != want.vector || got.error != want.error)
            fail(s->name, "got %d vector %u error 0x%x", got.happened, got.vector, got.error);
        else if (got.address != want.address || got.si != want.si || got.di != want.di || got.cx != want.cx)
            fail(s->name, "cr2 0x%lx si 0x%lx di 0x%lx cx 0x%lx, want 0x%lx 0x%lx 0x%lx 0x%lx", got.address, got.si,
                 got.di, got.cx, want.address, want.si, want.di, want.cx);
        else
            check(s->name, got.sum, want.sum);
    }
}

static volatile u32 traps;
static volatile word first_cx, first_dr6;
static void on_debug(struct frame *frame)
{
    if (traps++ == 0) {
        first_cx = frame->cx;
        first_dr6 = read_dr6();
    }
    write_dr6(0xffff0ff0u);
    write_dr7(0x400); /* a breakpoint hits once */
}

static void steps(u8 *device, const char *name)
{
    traps = 0;
    step_movsb((word)device, (word)other, 6);
    check(name, traps, 6 + 3); /* six elements; PUSHF, AND, POPF */
    check("strings.step-first", first_cx, 5);
}

#define WATCH_WRITE_4(n) (0x1u << (16 + 4 * (n)) | 0x3u << (18 + 4 * (n)) | 0x2u << (2 * (n)))

/* Six doublewords; the fourth is watched. */
static void watched(u8 *device, const char *name, void (*run)(word, word, word), word from, word cx)
{
    traps = 0;
    first_cx = ~(word)0;
    write_dr0((word)device + 12);
    write_dr7(0x400 | WATCH_WRITE_4(0));
    run((word)other + (from - (word)device), from, 6);
    write_dr7(0x400);
    check(name, traps, 1);
    check("strings.watch-cx", first_cx, cx);
    check("strings.watch-dr6", first_dr6 & 0x400f, 1);
}

void forms_strings(void)
{
    paging_on();
    faults();
    on_vector(VECTOR_DB, on_debug);
    steps(plain_pages + PAGE + 64, "strings.steps-plain");
    steps(device_pages + PAGE + 64, "strings.steps-device");
    u8 *plain = plain_pages + PAGE + 128, *device = device_pages + PAGE + 128;
    watched(plain, "strings.watch-plain", movsl, (word)plain, 2);
    watched(device, "strings.watch-device", movsl, (word)device, 2);
    watched(plain, "strings.watch-down-plain", movsl_down, (word)plain + 20, 3);
    watched(device, "strings.watch-down-device", movsl_down, (word)device + 20, 3);
    on_vector(VECTOR_DB, NULL);
}
