/* SPDX-License-Identifier: BSD-2-Clause */
/* INS and OUTS with and without REP, both directions, all sizes and address sizes. */
#include "test/guest/lib/guest.h"
#include "test/guest/lib/palette.h"
#include "test/guest/pio/pio.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define LOW_BUFFER 0x6000ul /* for 16-bit addresses: free memory below 64 KiB */

static u8 buffer[8192] __attribute__((aligned(4096)));

#define STRING(insn, di_or_si, address, count, port)                                                                   \
    ({                                                                                                                 \
        word at_ = (address), count_ = (count);                                                                        \
        __asm__ volatile(insn : "+" di_or_si(at_), "+c"(count_) : "d"(port) : "memory", "cc");                         \
        moved = at_ - (word)(address);                                                                                 \
        count_;                                                                                                        \
    })

static word moved;

static void clear(void)
{
    for (u32 i = 0; i < sizeof(buffer); i++)
        buffer[i] = 0xee;
}

static bool holds_pattern(const u8 *bytes, u32 n, u32 from)
{
    for (u32 i = 0; i < n; i++)
        if (bytes[i] != palette_pattern(from + i))
            return false;
    return true;
}

static void input_bytes(void)
{
    clear();
    palette_fill();
    check("pio.rep-insb-count", STRING("rep insb", "D", (word)buffer + 100, 300, PALETTE_DATA), 0);
    check("pio.rep-insb-moved", moved, 300);
    check_true("pio.rep-insb-data", holds_pattern(buffer + 100, 300, 0) && buffer[99] == 0xee && buffer[400] == 0xee);
    check("pio.rep-insb-none", STRING("rep insb", "D", (word)buffer, 0, PALETTE_DATA), 0);
    check("pio.insb-count", STRING("insb", "D", (word)buffer, 5, PALETTE_DATA), 5);
    check_true("pio.insb-data", moved == 1 && buffer[0] == palette_pattern(300));
    STRING("repne insb", "D", (word)buffer, 4, PALETTE_DATA);
    check_true("pio.repne-insb", moved == 4 && holds_pattern(buffer, 4, 301));
    /* across a page boundary */
    palette_read_from(0);
    STRING("rep insb", "D", (word)buffer + 4090, 12, PALETTE_DATA);
    check_true("pio.rep-insb-pages", holds_pattern(buffer + 4090, 12, 0));
}

static void backwards(void)
{
    clear();
    palette_read_from(0);
    STRING("std; rep insb; cld", "D", (word)buffer + 4100, 10, PALETTE_DATA);
    check("pio.rep-insb-down-moved", moved, (word)-10);
    bool right = buffer[4090] == 0xee && buffer[4101] == 0xee;
    for (u32 i = 0; i < 10; i++)
        right &= buffer[4100 - i] == palette_pattern(i);
    check_true("pio.rep-insb-down-data", right);
    palette_write_from(0);
    STRING("std; rep outsb; cld", "S", (word)buffer + 4100, 10, PALETTE_DATA);
    palette_read_from(0);
    clear();
    STRING("rep insb", "D", (word)buffer, 10, PALETTE_DATA);
    check_true("pio.rep-outsb-down", holds_pattern(buffer, 10, 0));
}

static void output_bytes(void)
{
    for (u32 i = 0; i < 600; i++)
        buffer[i] = palette_pattern(i + 5);
    palette_write_from(0);
    check("pio.rep-outsb-count", STRING("rep outsb", "S", (word)buffer, 600, PALETTE_DATA), 0);
    check("pio.rep-outsb-moved", moved, 600);
    palette_read_from(0);
    clear();
    STRING("rep insb", "D", (word)buffer, 600, PALETTE_DATA);
    check_true("pio.rep-outsb-data", holds_pattern(buffer, 600, 5));
    palette_write_from(0);
    buffer[0] = 0x15;
    STRING("outsb", "S", (word)buffer, 9, PALETTE_DATA);
    palette_read_from(0);
    check_true("pio.outsb", moved == 1 && inb(PALETTE_DATA) == 0x15);
}

static void wide(void)
{
    outl(PCI_ADDRESS, 0x80000000);
    u32 id = inl(PCI_DATA);
    const u16 *words = (const u16 *)(const void *)buffer;
    const u32 *dwords = (const u32 *)(const void *)buffer;
    clear();
    STRING("rep insl", "D", (word)buffer, 3, PCI_DATA);
    check_true("pio.rep-insl", moved == 12 && dwords[0] == id && dwords[2] == id && dwords[3] == 0xeeeeeeee);
    STRING("rep insw", "D", (word)buffer, 4, PCI_DATA + 2);
    check_true("pio.rep-insw", moved == 8 && words[0] == id >> 16 && words[3] == id >> 16 && dwords[2] == id);
    STRING("insl", "D", (word)buffer + 4094, 1, PCI_DATA); /* one element on two pages */
    check("pio.insl-straddles", *(const u32 *)(const void *)(buffer + 4094), id);
    *(u32 *)(void *)buffer = 0x80000810;
    STRING("outsl", "S", (word)buffer, 1, PCI_ADDRESS);
    check_true("pio.outsl", moved == 4 && inl(PCI_ADDRESS) == 0x80000810);
    /* VGA sequencer: index in the low byte, data in the high one; the map mask (2) keeps its value */
    *(u16 *)(void *)buffer = 0x0302;
    STRING("outsw", "S", (word)buffer, 1, 0x3c4);
    check_true("pio.outsw", moved == 2 && inb(0x3c5) == 3);
}

#define IDE_DATA 0x1f0
#define IDE_STATUS 0x1f7

static bool ide_ready(void)
{
    for (u32 i = 0; i < 100000; i++) {
        u8 status = inb(IDE_STATUS);
        if (!(status & 0x80) && (status & 8))
            return true;
    }
    return false;
}

/* IDENTIFY PACKET DEVICE gives 256 words: by words and by doublewords they are the same. */
static void ide(void)
{
    static u8 by_words[512], by_dwords[512];
    if (inb(IDE_STATUS) == 0xff) {
        skip("pio.ide", "no IDE at 0x1f0");
        return;
    }
    outb(0x3f6, 2); /* no interrupts */
    outb(0x1f6, 0xa0);
    outb(IDE_STATUS, 0xa1);
    if (!ide_ready()) {
        skip("pio.ide", "no packet device");
        return;
    }
    STRING("rep insw", "D", (word)by_words, 256, IDE_DATA);
    outb(IDE_STATUS, 0xa1);
    ide_ready();
    STRING("rep insl", "D", (word)by_dwords, 128, IDE_DATA);
    u32 differ = 0, zeros = 0;
    for (u32 i = 0; i < 512; i++) {
        differ += by_words[i] != by_dwords[i];
        zeros += by_words[i] == 0;
    }
    check("pio.ide-same", differ, 0);
    check_true("pio.ide-data", zeros < 500);
}

/* The address-size prefix: 16-bit registers in 32-bit code, 32-bit ones (upper halves cleared) in 64-bit code. */
static void address_size(void)
{
    u8 *low = (u8 *)LOW_BUFFER;
    palette_read_from(0);
    word garbage = LONG_MODE ? (word)0x1234 << 16 << 16 : 0x12340000;
    word at = LOW_BUFFER | garbage, count = 20 | garbage;
    __asm__ volatile(".byte 0x67; rep insb" : "+D"(at), "+c"(count) : "d"(PALETTE_DATA) : "memory");
    check_true("pio.a67-insb-data",
               holds_pattern(low, 3, LONG_MODE ? 10 : 5) || holds_pattern(low, 20, 5) || holds_pattern(low, 20, 0));
    check("pio.a67-insb-di", at, (LONG_MODE ? 0 : garbage) | (LOW_BUFFER + 20));
    check("pio.a67-insb-cx", count, LONG_MODE ? 0 : garbage);
    for (u32 i = 0; i < 20; i++)
        low[i] = palette_pattern(i + 40);
    palette_write_from(0);
    at = LOW_BUFFER | garbage;
    count = 20 | garbage;
    __asm__ volatile(".byte 0x67; rep outsb" : "+S"(at), "+c"(count) : "d"(PALETTE_DATA) : "memory");
    check("pio.a67-outsb-si", at, (LONG_MODE ? 0 : garbage) | (LOW_BUFFER + 20));
    palette_read_from(0);
    STRING("rep insb", "D", (word)buffer, 20, PALETTE_DATA);
    check_true("pio.a67-outsb-data", holds_pattern(buffer, 20, 40));
}

/* OUTS may take its bytes through another segment; INS always uses ES. */
static void segments(void)
{
    for (u32 i = 0; i < 8; i++)
        buffer[i] = palette_pattern(i + 90);
    if (LONG_MODE) {
        wrmsr(MSR_FS_BASE, (word)buffer);
    } else {
        gdt[SELECTOR_FREE / 8] = descriptor((u32)(word)buffer, 15, 0x4093);
        __asm__ volatile("mov %0, %%fs" : : "r"(SELECTOR_FREE));
    }
    palette_write_from(0);
    STRING("rep outsb %%fs:(%0), (%%dx)", "S", 0ul, 8, PALETTE_DATA);
    palette_read_from(0);
    clear();
    STRING("rep insb", "D", (word)buffer, 8, PALETTE_DATA);
    check_true("pio.outsb-fs", holds_pattern(buffer, 8, 90));
    if (LONG_MODE)
        return;
    ATTEMPT(STRING("rep outsb %%fs:(%0), (%%dx)", "S", 12ul, 8, PALETTE_DATA));
    check_fault("pio.outsb-fs-limit", VECTOR_GP, 0);
    check("pio.outsb-fs-limit-esi", fault.si, 16);
    check("pio.outsb-fs-limit-ecx", fault.cx, 4);
}

void pio_strings(void)
{
    palette_fill();
    input_bytes();
    backwards();
    output_bytes();
    wide();
    palette_fill();
    address_size();
    segments();
    ide();
}
