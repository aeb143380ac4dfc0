/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/advice.h"

#include <string.h>

/* The largest value of cluster-max=; only traces are longer. */
#define CLUSTER_MAX_MOST 64

/* cluster_why_text() in emul/cluster.c. */
static const struct {
    const char *why, *advice;
} reasons[] = {
    {"nothing downstream exits", "Exits that stand further apart than cluster-max= are not joined: raise it (up to "
                                 "64), or move the accesses together."},
    {"the limit of instructions", "The next one still exits: raise cluster-max= (up to 64)."},
    {"control flow that is not followed", "Jumps out of the code end it. Let accesses that follow each other stand "
                                          "between two jumps, or in a loop of their own."},
    {"call, return or computed jump",
     "The access stands in a function of its own: inline it, so that the next access is in the same function."},
    {"an instruction that cannot be carried", "Move that instruction before or behind the accesses."},
    {"too many memory accesses between exits",
     "Between two accesses at most four others may touch memory: keep values in registers."},
    {"the code goes on where it cannot be read", "The next page is not present, or holds no code."},
    {"more than two code pages", "Align the code so that it does not cross into a third page."},
    {"a port or register that must be looked at first", "Which port comes next was not known when the code was looked "
                                                        "at, or a guard wants to see it: a port given as a constant "
                                                        "helps, and trapping all of them (trap=pio without a range)."},
    {"alone it would be performed as before",
     "A guard looks at each of these accesses, or only the interpreter can perform it: only fewer of them help."},
    {"no machine code for it", "Only the interpreter can perform it: only fewer of them help."},
    {"its code changes all the time",
     "Its page is written while it is executed: keep data out of code pages, and patch code once."},
    {"as far as the path was seen",
     "The guest was followed for up to some hundred instructions: accesses that stand further apart are not joined."},
    {"answered as the last time", "It costs an exit all the same: let the guest remember the answer."},
};

static const struct {
    const char *exits; /* rows, separated by blanks */
    u64 first, last;
    const char *advice;
} places[] = {
    {"IO_IN IO_OUT", 0x3f8, 0x3ff, "The guest's console on COM1: print less (Linux: quiet), or elsewhere."},
    {"IO_IN IO_OUT", 0x2f8, 0x2ff, "The guest's console on COM2: print less, or elsewhere."},
    {"IO_OUT", 0x80, 0x80, "A delay after another port: Linux does without on the command line io_delay=none."},
    {"IO_OUT", 0xed, 0xed, "A delay after another port: Linux does without on the command line io_delay=none."},
    {"IO_IN IO_OUT", 0xcf8, 0xcff, "PCI configuration by ports: through ECAM (MMCONFIG) it would not exit."},
    {"IO_IN IO_OUT", 0x40, 0x43, "The PIT: a guest that uses the local APIC timer or the TSC leaves it alone."},
    {"IO_IN IO_OUT", 0x1f0, 0x1f7, "Disk data by ports: with DMA (AHCI, bus master) it would not exit."},
    {"IO_IN IO_OUT", 0x170, 0x177, "Disk data by ports: with DMA (AHCI, bus master) it would not exit."},
    {"APIC_ACCESS", 0, ~0ull, "Without apic in trap= the guest reaches its local APIC without an exit."},
};

static bool is_word_of(const char *words, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = words; size && (at = strstr(at, word)) != NULL; at += size)
        if ((at == words || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0'))
            return true;
    return false;
}

static void sentence(struct text *text, const char *words)
{
    if (text->used)
        text_add(text, " ");
    text_add(text, words);
}

static const char *boot_word(const struct report *report, const char *name)
{
    const char *word = report->boot_entry ? json_member_string(report->boot_entry->object, name) : NULL;
    return word ? word : "";
}

static void advise_flow(struct text *text, const struct report *report, const struct site *site)
{
    const char *flow = boot_word(report, "flow");
    bool jump = !strcmp(site->why, "control flow that is not followed");
    bool call = !strcmp(site->why, "call, return or computed jump");
    if (jump && (!strcmp(flow, "straight") || !strcmp(flow, "forward")))
        sentence(text, "With flow=loops more of it would be followed.");
    if (call && *flow && strcmp(flow, "traces") != 0)
        sentence(text, "With flow=traces it would be followed.");
}

/* Linux's programs are in the lower half of the address space. */
static void advise_program(struct text *text, const struct report *report, const struct site *site)
{
    if (!strcmp(site->exit, "CPUID") && !strcmp(boot_word(report, "guest"), "linux") && site->rip < 1ull << 47)
        sentence(text,
                 "This is a program, not the kernel: C libraries ask when a process starts (glibc does, musl does "
                 "not). Start fewer processes, or build the program with another library.");
}

/* What the words why the cluster is not longer come to. */
static const char *reason_advice(const struct site *site)
{
    if (!strcmp(site->why, "the limit of instructions") && site->length > CLUSTER_MAX_MOST)
        return "It is as long as a trace can be.";
    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
        if (!strcmp(site->why, reasons[i].why))
            return reasons[i].advice;
    return NULL;
}

void advise(struct text *text, const struct report *report, const struct site *site)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
        if (is_word_of(places[i].exits, site->exit) && site->where >= places[i].first && site->where <= places[i].last)
            sentence(text, places[i].advice);
    advise_flow(text, report, site);
    advise_program(text, report, site);
    if (reason_advice(site))
        sentence(text, reason_advice(site));
}
