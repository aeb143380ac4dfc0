/* SPDX-License-Identifier: BSD-2-Clause */
/* INVD, WBINVD, INVLPG, MONITOR, MWAIT, RDPMC and friends: what works, and who may. */
#include "test/guest/lib/apic.h"
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"

#define IPI_VECTOR 0x62

static volatile u32 memory[1024];
static volatile u32 ipis;

static void on_ipi(struct frame *frame)
{
    ipis++;
    apic_write(APIC_EOI, 0);
}

static void user_invd(word unused)
{
    __asm__ volatile("invd");
}
static void user_wbinvd(word unused)
{
    __asm__ volatile("wbinvd");
}
static void user_invlpg(word unused)
{
    invlpg((void *)(word)memory);
}
static void user_rdpmc(word index)
{
    __asm__ volatile("rdpmc" : : "c"(index) : "eax", "edx");
}
static void user_hlt(word unused)
{
    __asm__ volatile("hlt");
}

static void privileged(const char *name, void (*function)(word))
{
    ATTEMPT(run_user(function, 0));
    check_fault(name, VECTOR_GP, 0);
}

/* Under Exeunt INVD writes back first, so what was stored stays; bare, this runs where nothing can be lost. */
static void caches(void)
{
    for (u32 i = 0; i < 1024; i++)
        memory[i] = i;
    __asm__ volatile("wbinvd" : : : "memory");
    if (under_exeunt())
        __asm__ volatile("invd" : : : "memory");
    u32 wrong = 0;
    for (u32 i = 0; i < 1024; i++)
        wrong += memory[i] != i;
    check("caches.memory-stays", wrong, 0);
    privileged("caches.user-invd", user_invd);
    privileged("caches.user-wbinvd", user_wbinvd);
    privileged("caches.user-invlpg", user_invlpg);
    privileged("caches.user-hlt", user_hlt);
    privileged("caches.user-rdpmc", user_rdpmc);
    ATTEMPT(__asm__ volatile(".byte 0xf0; wbinvd"));
    check_fault("caches.wbinvd-lock", VECTOR_UD, 0);
    ATTEMPT(__asm__ volatile("invlpg (%0)" : : "r"((word)memory)));
    check_no_fault("caches.invlpg");
}

static void monitor_mwait(void)
{
    if (!(cpuid(1, 0).ecx & 8)) {
        skip("caches.monitor", "no MONITOR");
        ATTEMPT(__asm__ volatile("monitor" : : "a"(memory), "c"(0), "d"(0)));
        check_fault("caches.monitor-not-there", VECTOR_UD, 0);
        return;
    }
    ATTEMPT(__asm__ volatile("monitor" : : "a"(memory), "c"(1), "d"(0)));
    check_fault("caches.monitor-extension", VECTOR_GP, 0);
    interrupts_off();
    apic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | IPI_VECTOR);
    apic_wait_sent();
    __asm__ volatile("monitor; xorl %%eax, %%eax; sti; mwait; cli" : : "a"(memory), "c"(0), "d"(0) : "memory");
    check("caches.mwait-wakes", ipis, 1);
}

static void not_allowed_here(void)
{
    ATTEMPT(__asm__ volatile("rsm"));
    check_fault("caches.rsm", VECTOR_UD, 0);
    ATTEMPT(__asm__ volatile(".byte 0x0f, 0x37" : : "a"(0))); /* GETSEC with CR4.SMXE = 0 */
    check_fault("caches.getsec", VECTOR_UD, 0);
}

void guest_main(void)
{
    apic_enable();
    on_vector(IPI_VECTOR, on_ipi);
    caches();
    monitor_mwait();
    not_allowed_here();
}
