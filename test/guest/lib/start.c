/* SPDX-License-Identifier: BSD-2-Clause */
/* From the entry to guest_main(): tables, console, command line. */
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"

const struct multiboot_info *boot_info;
struct task task;

u64 gdt[SELECTOR_END / 8] __attribute__((aligned(16))) = {
    [SELECTOR_CODE32 / 8] = 0x00cf9b000000ffff,
    [SELECTOR_DATA / 8] = 0x00cf93000000ffff,
    [SELECTOR_CODE64 / 8] = 0x00af9b000000ffff,
    [SELECTOR_USER_CODE / 8] = LONG_MODE ? 0x00affb000000ffff : 0x00cffb000000ffff,
    [SELECTOR_USER_DATA / 8] = 0x00cff3000000ffff,
    [SELECTOR_CODE16 / 8] = 0x00009b000000ffff,
    [SELECTOR_DATA16 / 8] = 0x000093000000ffff,
};

static u8 ring0_stack[16384] __attribute__((aligned(16))); /* where CPL 3 enters CPL 0 */

void console_init(void);
void segments_load(void);
void tables_load(void);
void guest_start(void);

static void task_load(void)
{
    word top = (word)ring0_stack + sizeof(ring0_stack);
    for (u32 i = 0; i < IO_MAP_BYTES; i++)
        task.io_map[i] = 0xff;
    if (LONG_MODE) {
        task.tss64.rsp[0] = top;
        task.tss64.io_map = offsetof(struct task, io_map);
        gdt[SELECTOR_TSS / 8 + 1] = 0;
    } else {
        task.tss32.esp0 = (u32)top;
        task.tss32.ss0 = SELECTOR_DATA;
        task.tss32.io_map = offsetof(struct task, io_map);
    }
    gdt[SELECTOR_TSS / 8] = descriptor((u32)(word)&task, sizeof(task) - 1, 0x89);
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
}

void tables_load(void)
{
    struct table_register gdtr = {sizeof(gdt) - 1, (word)gdt};
    __asm__ volatile("lgdt %0" : : "m"(gdtr) : "memory");
    segments_load();
    for (u32 vector = 0; vector < 256; vector++)
        idt_restore((u8)vector);
    idt_load();
    task_load();
    outb(0x21, 0xff); /* the 8259s are quiet until a test wants them */
    outb(0xa1, 0xff);
}

void guest_start(void)
{
    console_init();
    if (!option("quiet"))
        print("\n");
    guest_main();
    finish();
}

const char *option(const char *name)
{
    if (!(boot_info->flags & 4))
        return NULL;
    for (const char *s = (const char *)(word)boot_info->cmdline; *s;) {
        const char *n = name;
        while (*n && *s == *n)
            s++, n++;
        if (!*n && *s == '=')
            return s + 1;
        while (*s && *s != ' ')
            s++;
        while (*s == ' ')
            s++;
    }
    return NULL;
}

bool option_is(const char *name, const char *value)
{
    const char *s = option(name);
    if (!s)
        return false;
    while (*value && *s == *value)
        s++, value++;
    return !*value && (!*s || *s == ' ');
}

bool under_exeunt(void)
{
    if (!(cpuid(1, 0).ecx >> 31))
        return false;
    struct cpuid r = cpuid(0x40000000, 0);
    return r.ebx == 0x75657845 && r.ecx == 0x7845746e && r.edx == 0x746e7565; /* "Exeu" "ntEx" "eunt" */
}
