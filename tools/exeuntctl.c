/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exeuntctl: Exeunt's hypercalls (SPEC 9) from a shell in its guest, for `hypercall=user`. A static program of some 3
 * KB without a C library, so that any initramfs has room for it. docs/REPORTS.md describes it.
 */
#include "tools/linux_program.h"
#include "vmx/hypercall.h"

/* Exit status. */
enum { STATUS_DONE, STATUS_REFUSED, STATUS_USAGE, STATUS_NO_EXEUNT, STATUS_NOT_ALLOWED };

static const char usage[] =
    "exeuntctl reset               counters of exits begin at zero\n"
    "exeuntctl report              prints a report on Exeunt's console\n"
    "exeuntctl mark NAME [NUMBER]  begins a phase; NAME has at most 8 printable ASCII characters\n"
    "exeuntctl read                writes the counters, NAME VALUE on each line\n"
    "Exit status: 0 done; 1 refused; 2 wrong words; 3 not under Exeunt; 4 calls need hypercall=user. docs/REPORTS.md\n";

/* As in the JSON line `mark`. */
static const char *const counter_names[HYPERCALL_COUNTER_COUNT] = {
    [HYPERCALL_EXITS] = "exits",
    [HYPERCALL_AVOIDED] = "avoided",
    [HYPERCALL_TSC_EXEUNT] = "tsc_vmm",
    [HYPERCALL_TSC_GUEST] = "tsc_guest",
    [HYPERCALL_TC_HITS] = "hits",
    [HYPERCALL_TC_MISSES] = "misses",
    [HYPERCALL_INVALIDATIONS] = "invalidations",
    [HYPERCALL_MEMORY_OWNED] = "memory_owned",
};

static void say(int file, const char *before, const char *text, const char *after)
{
    struct line line = {0};
    line_text(&line, before);
    line_text(&line, text);
    line_text(&line, after);
    line_write(&line, file);
}

static _Noreturn void fail(int status, const char *word, const char *text)
{
    say(STANDARD_ERROR, "exeuntctl: ", word, text);
    linux_exit(status);
}

/* ---- VMCALL where Exeunt does not allow it is #UD, which the kernel makes a signal ---- */

enum { SYSCALL_SIGACTION = 13, SIGNAL_ILL = 4 };
#define SIGNAL_HAS_RESTORER 0x04000000ul

struct signal_action {
    void (*handler)(int signal);
    u64 flags;
    void (*restorer)(int signal);
    u64 mask;
};

static void not_allowed(int signal)
{
    fail(STATUS_NOT_ALLOWED, "", "Exeunt lets no program call it: boot it with hypercall=user\n");
}

/* The handler does not return, so it needs no restorer; the kernel delivers nothing without one. */
static void catch_refusal(void)
{
    static const struct signal_action action = {not_allowed, SIGNAL_HAS_RESTORER, not_allowed, 0};
    linux_call(SYSCALL_SIGACTION, SIGNAL_ILL, (long)&action, 0, sizeof(action.mask));
}

static struct registers call(enum hypercall_function function, struct registers r)
{
    r.eax = function;
    r = hypercall(r);
    if (r.eax == HYPERCALL_UNKNOWN_FUNCTION)
        fail(STATUS_REFUSED, "", "this Exeunt does not know the call\n");
    if (r.eax != HYPERCALL_SUCCESS)
        fail(STATUS_REFUSED, "", "Exeunt refuses the call\n");
    return r;
}

/* ---- the words ---- */

static bool same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

/* In ECX and EDX, first byte lowest. */
static void mark_name(const char *name, struct registers *r)
{
    u64 bytes = 0;
    u32 length = 0;
    for (; name[length]; length++) {
        if (length == MARK_NAME_MAX)
            fail(STATUS_USAGE, name, ": longer than 8 characters\n");
        if (name[length] < 0x20 || name[length] > 0x7e)
            fail(STATUS_USAGE, "", "a name of other than printable ASCII characters\n");
        bytes |= (u64)name[length] << 8 * length;
    }
    r->ecx = (u32)bytes;
    r->edx = (u32)(bytes >> 32);
}

static u32 mark_number(const char *digits)
{
    u64 number = 0;
    const char *p = digits;
    for (; *p >= '0' && *p <= '9' && number <= ~0u; p++)
        number = number * 10 + (u64)(*p - '0');
    if (p == digits || *p || number > ~0u)
        fail(STATUS_USAGE, digits, ": not a number of 0 to 4294967295\n");
    return (u32)number;
}

static void read_counters(void)
{
    struct line line = {0};
    for (u32 i = 0; i < HYPERCALL_COUNTER_COUNT; i++) {
        struct registers r = call(HYPERCALL_COUNTER, (struct registers){.ebx = i});
        line_text(&line, counter_names[i]);
        line_text(&line, " ");
        line_number(&line, (u64)r.edx << 32 | r.ecx);
        line_text(&line, "\n");
    }
    line_write(&line, STANDARD_OUTPUT);
}

static enum hypercall_function function_of(int count, char **words)
{
    static const struct {
        const char *name;
        enum hypercall_function function;
        int least, most; /* words, with the program's own name */
    } commands[] = {{"reset", HYPERCALL_RESET, 2, 2},
                    {"report", HYPERCALL_REPORT, 2, 2},
                    {"mark", HYPERCALL_MARK, 3, 4},
                    {"read", HYPERCALL_COUNTER, 2, 2}};
    const char *name = count > 1 ? words[1] : "";
    for (u32 i = 0; i < sizeof(commands) / sizeof(*commands); i++)
        if (same(name, commands[i].name) && count >= commands[i].least && count <= commands[i].most)
            return commands[i].function;
    bool help = same(name, "help") || same(name, "--help");
    if (!help && *name)
        say(STANDARD_ERROR, "exeuntctl: ", name, ": no such command with so many words\n");
    say(help ? STANDARD_OUTPUT : STANDARD_ERROR, usage, "", "");
    linux_exit(help ? STATUS_DONE : STATUS_USAGE);
}

static int program(int count, char **words)
{
    enum hypercall_function function = function_of(count, words);
    struct registers r = {0};
    if (function == HYPERCALL_MARK) {
        mark_name(words[2], &r);
        r.ebx = count > 3 ? mark_number(words[3]) : 0;
    }
    if (!under_exeunt())
        fail(STATUS_NO_EXEUNT, "", "this machine does not run under Exeunt\n");
    catch_refusal();
    if (function == HYPERCALL_COUNTER)
        read_counters();
    else
        call(function, r);
    return STATUS_DONE;
}
