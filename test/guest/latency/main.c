/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long a pending interrupt waits while the guest is in a loop whose instructions exit: whatever Exeunt makes of the
 * loop, the interrupt comes within the bound of SPEC 6.4.
 *
 * The LAPIC timer runs out once, with interrupts on, in the middle of a long loop, after as many different counts as
 * there are trials, so that it meets the loop at any place; the handler reads the TSC and ends the loop. The same count
 * met by a loop of NOPs, where nothing exits, says when the timer ran out; the difference is the wait.
 *
 * An exit in which a translation is made takes longer than the bound, once for each instruction that exits: where a
 * wait is too long, the same trial is made again, and what does not come again is said in a line of its own.
 *
 * Command line: source=nmi: with interrupts off, where a loop may go on for longer, the 8254 runs out and the I/O APIC
 * makes an NMI of it.
 */
#include "test/guest/lib/apic.h"
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"

#define MICROSECOND 100 /* ticks, at Bochs's 100 million instructions a second */
#define BOUND (20 * MICROSECOND)
/*
 * Beyond the bound: one exit, the way in before the time counts and the way out after it is over. Ordinary ones take no
 * longer than this; of strings it is measured what one takes that moves an element and another one in the next page:
 * the time may run out right before a page begins. And how much two looks at the same count differ, which is measured
 * too.
 */
#define ONE_EXIT 1500

/*
 * An NMI waits until a loop looks at the time, which it does after eight instructions that exit, all performed by the
 * interpreter perhaps; with interrupts off there are 64 times the bound otherwise.
 */
#define NMI_BOUND (5 * BOUND)
/* One that comes while the cluster of a simple loop is made does not wait for such a run as well. */
#define MAKING (16 * BOUND)

#define TRIALS 96
#define FIRST_COUNT 30000u
#define COUNT_STEP 131u /* over all trials several times the bound, and at another place in each round of a loop */
#define ROUNDS 100000u  /* of a loop that nothing ends; more than the longest count, at a tick each */

#define AGAIN 20 /* more often than an instruction has to exit to be translated, and its paths to be looked at */

#define TICKS_PER_PIT 84 /* 1.193182 MHz */

#define TIMER_VECTOR 0x63
#define PORT 0x80

static bool by_nmi;
static volatile u64 arrived;
static u8 buffer[ROUNDS];
static u8 *place = buffer; /* where a loop begins */

/*
 * The count of every loop is in ECX. Where the exit of start_timer() made a translation the timer has run out before
 * the loop begins, and ECX may be anything.
 */
static void on_timer(struct frame *frame)
{
    arrived = rdtsc();
    if (frame->cx <= ROUNDS)
        frame->cx = 1;
    if (!by_nmi)
        apic_write(APIC_EOI, 0);
}

/* The TSC behind it; one instruction for all trials, so that its exit takes the same time in all. */
static __attribute__((noinline)) u64 start_timer(u32 count)
{
    if (by_nmi)
        pit_once((u16)(count / TICKS_PER_PIT));
    else
        apic_write(APIC_TIMER_COUNT, count);
    return rdtsc();
}

static void stop_timer(void)
{
    if (by_nmi)
        pit_stop();
    else
        apic_write(APIC_TIMER_COUNT, 0);
}

#define LOOP(name, ...)                                                                                                \
    static void name(word count)                                                                                       \
    {                                                                                                                  \
        word si = APIC_BASE, di = (word)place;                                                                         \
        __asm__ volatile(__VA_ARGS__ : "+c"(count), "+S"(si), "+D"(di) : "d"(PORT) : "eax", "ebx", "memory", "cc");    \
    }

LOOP(nothing, "1: nop; decl %%ecx; jnz 1b")
/* strongly exiting: a poll for a bit that stays clear, a port that is written, more in a row than a cluster holds */
LOOP(port_poll, "1: inb %%dx, %%al; testb $8, %%al; jnz 2f; decl %%ecx; jnz 1b; 2:")
LOOP(port_loop, "1: inb %%dx, %%al; loop 1b")
LOOP(port_write, "xorl %%eax, %%eax; 1: outb %%al, %%dx; decl %%ecx; jnz 1b")
LOOP(port_row, "1: .rept 100; inb %%dx, %%al; .endr; decl %%ecx; jnz 1b")
/* weakly: the LAPIC's page */
LOOP(apic_reads, "1: movl 0x30(%1), %%eax; testl %%eax, %%eax; jz 2f; decl %%ecx; jnz 1b; 2:")
LOOP(apic_writes, "xorl %%eax, %%eax; 1: movl %%eax, 0x80(%1); decl %%ecx; jnz 1b")
/* both, with memory and branches between */
LOOP(mixed, "1: inb %%dx, %%al; movl 0x30(%1), %%ebx; addl %%ebx, (%2); testb $1, %%cl; jz 2f; outb %%al, %%dx;"
            "2: incl 4(%2); movl 0x80(%1), %%eax; decl %%ecx; jnz 1b")
/* string instructions */
LOOP(rep_insb, "cld; rep insb")
LOOP(rep_outsb, "movl %k2, %%esi; cld; rep outsb")

/* SIMPLE: in code of any size there is no more than a short cluster to be made. */
enum loop_kind { SIMPLE, OTHER, STRING };

static const struct loop {
    const char *name;
    void (*run)(word count);
    enum loop_kind kind;
} loops[] = {
    {"latency.port-poll", port_poll, SIMPLE},
    {"latency.port-loop", port_loop, SIMPLE},
    {"latency.port-write", port_write, SIMPLE},
    {"latency.port-row", port_row, OTHER},
    {"latency.apic-reads", apic_reads, OTHER},
    {"latency.apic-writes", apic_writes, OTHER},
    {"latency.mixed", mixed, OTHER},
    {"latency.rep-insb", rep_insb, STRING},
    {"latency.rep-outsb", rep_outsb, STRING},
};

static u32 count_of(u32 trial)
{
    return FIRST_COUNT + trial * COUNT_STEP;
}

/* From the start of the timer to its handler; 0: the loop came to its end before. */
static u32 arrival_in(void (*loop)(word), u32 trial)
{
    arrived = 0;
    u64 begin = start_timer(count_of(trial));
    if (!by_nmi)
        interrupts_on();
    loop(ROUNDS);
    interrupts_off();
    if (arrived)
        return (u32)(arrived - begin);
    stop_timer();
    return 0;
}

#define LOOKS 5

/*
 * Without exits: when each count is due. Returns by how much the two earliest looks at one differ at most: in others
 * translations may have been made, of the instructions that start the timer.
 */
static u32 calibrate(u32 due[TRIALS])
{
    static u32 next[TRIALS];
    u32 differ = 0;
    for (u32 look = 0; look < LOOKS; look++) {
        for (u32 i = 0; i < TRIALS; i++) {
            u32 at = arrival_in(nothing, i);
            if (!look || at < due[i]) {
                next[i] = look ? due[i] : ~0u;
                due[i] = at;
            } else if (at < next[i]) {
                next[i] = at;
            }
        }
    }
    for (u32 i = 0; i < TRIALS; i++)
        differ = next[i] - due[i] > differ ? next[i] - due[i] : differ;
    return differ;
}

#define PAGE 4096u

/* The longest exit of the loop. */
static u32 one_exit(const struct loop *loop)
{
    u32 shortest = ~0u;
    place = buffer + PAGE - 1 - ((word)buffer & (PAGE - 1));
    for (u32 look = 0; loop->kind == STRING && look < 8; look++) {
        u64 begin = rdtsc();
        loop->run(2);
        u32 ticks = (u32)(rdtsc() - begin);
        shortest = ticks < shortest ? ticks : shortest;
    }
    place = buffer;
    return loop->kind == STRING && shortest > ONE_EXIT ? shortest : ONE_EXIT;
}

/* How long the interrupt of a trial waited; ~0: it never came. *early: it came before it was due. */
static u32 wait_of(const struct loop *loop, u32 trial, u32 due, u32 differ, bool *early)
{
    u32 at = arrival_in(loop->run, trial);
    *early = at && at + differ < due;
    if (!at)
        return ~0u;
    return at > due ? at - due : 0;
}

static void measure(const struct loop *loop, const u32 due[TRIALS], u32 differ)
{
    u32 longest = 0, once = 0, early = 0, bound = by_nmi ? NMI_BOUND : BOUND + one_exit(loop) + differ;
    for (u32 i = 0; i < TRIALS; i++) {
        bool too_early;
        u32 waited = wait_of(loop, i, due[i], differ, &too_early);
        /* Too early: what came once was the exit that starts the timer. */
        for (u32 again = 0; (waited > bound || too_early) && waited != ~0u && again < AGAIN; again++) {
            once = waited > once ? waited : once;
            waited = wait_of(loop, i, due[i], differ, &too_early);
        }
        if (waited == ~0u) {
            fail(loop->name, "no interrupt in %u rounds", ROUNDS);
            return;
        }
        early += too_early;
        longest = waited > longest ? waited : longest;
    }
    print("INFO %s: waited %u ticks at most, bound %u; %u in an exit of a kind that comes once\n", loop->name, longest,
          bound, once);
    if (longest > bound)
        fail(loop->name, "an interrupt waited %u ticks, want at most %u", longest, bound);
    else if (once > MAKING && loop->kind == SIMPLE)
        fail(loop->name, "an interrupt waited %u ticks once, want at most %u", once, MAKING);
    else if (early)
        fail(loop->name, "%u of %u interrupts came before they were due", early, TRIALS);
    else
        pass(loop->name);
}

void guest_main(void)
{
    static u32 due[TRIALS];
    by_nmi = option_is("source", "nmi");
    on_vector(by_nmi ? VECTOR_NMI : TIMER_VECTOR, on_timer);
    apic_enable();
    if (by_nmi) {
        ioapic_route(IOAPIC_PIT, ICR_NMI);
    } else {
        apic_write(APIC_TIMER_DIVIDE, 0xb); /* by 1 */
        apic_write(APIC_LVT_TIMER, TIMER_VECTOR);
    }
    outb(PORT, 0);
    u32 differ = calibrate(due);
    bool all = true;
    for (u32 i = 0; i < TRIALS; i++)
        all &= due[i] >= FIRST_COUNT / 2;
    check_true("latency.timer", all);
    print("INFO count %u is due after %u ticks, %u after %u; they differ by %u\n", count_of(0), due[0],
          count_of(TRIALS - 1), due[TRIALS - 1], differ);
    for (u32 i = 0; i < COUNT_OF(loops); i++)
        measure(&loops[i], due, differ);
}
