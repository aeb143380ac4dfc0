/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/clock.h"

#include "lib/cpu.h"

#define PIT_HZ 1193182
#define PIT_CHANNEL_2 0x42
#define PIT_COMMAND 0x43
#define PIT_CHANNEL_2_MODE_0 0xb0 /* both bytes of the count, interrupt on terminal count */

#define PORT_B 0x61
#define PORT_B_GATE_2 BIT(0)
#define PORT_B_SPEAKER BIT(1)
#define PORT_B_OUT_2 BIT(5)

#define MEASURE_MS 2
#define MEASURE_COUNT (PIT_HZ * MEASURE_MS / 1000)
/* Reads of port 0x61 take about a microsecond on real machines, and an instruction or two in emulators. */
#define PATIENCE 1000000

/* Ticks until the count is over; 0 when it never is. */
static u64 measure(void)
{
    u8 before = in8(PORT_B);
    out8(PORT_B, (u8)((before & ~PORT_B_SPEAKER) | PORT_B_GATE_2));
    out8(PIT_COMMAND, PIT_CHANNEL_2_MODE_0);
    out8(PIT_CHANNEL_2, MEASURE_COUNT & 0xff);
    out8(PIT_CHANNEL_2, MEASURE_COUNT >> 8);
    u64 start = rdtsc();
    u32 left = PATIENCE;
    while (left && !(in8(PORT_B) & PORT_B_OUT_2))
        left--;
    u64 ticks = rdtsc() - start;
    out8(PORT_B, before);
    return left ? ticks : 0;
}

u64 clock_ticks_per_ms(void)
{
    u64 ticks = measure() / MEASURE_MS;
    if (ticks)
        return ticks;
    u32 mhz = cpuid(0, 0).eax >= 0x16 ? cpuid(0x16, 0).eax & 0xffff : 0;
    return (mhz ? mhz : 1000) * 1000ull;
}
