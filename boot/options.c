/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot/options.h"

#include "boot/options_table.h"
#include "lib/string.h"

struct text {
    const char *at;
    u32 length;
};

#define COM1_PORT 0x3f8
#define COM2_PORT 0x2f8
#define UART_PORTS 8
#define UART_CLOCK 115200u
#define PERIOD_MAX 86400

static bool text_is(struct text text, const char *word)
{
    return strlen(word) == text.length && !memcmp(text.at, word, text.length);
}

/* Cuts off what stands before `separator`; the rest is what follows it. False: there is none, *head is all. */
static bool text_cut(struct text text, char separator, struct text *head, struct text *rest)
{
    const char *found = text.length ? memchr(text.at, separator, text.length) : NULL;
    *head = text;
    *rest = (struct text){text.at + text.length, 0};
    if (!found)
        return false;
    head->length = (u32)(found - text.at);
    *rest = (struct text){found + 1, text.length - head->length - 1};
    return true;
}

static u32 digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return (u32)(digit - '0');
    char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? (u32)(lower - 'a') + 10 : 99;
}

/* Decimal, or hexadecimal with 0x. All of the text must be the number. */
static bool text_number(struct text text, u64 *number)
{
    u32 base = 10;
    if (text.length > 2 && text.at[0] == '0' && text.at[1] == 'x') {
        base = 16;
        text = (struct text){text.at + 2, text.length - 2};
    }
    u64 value = 0;
    for (u32 i = 0; i < text.length; i++) {
        u32 digit = digit_value(text.at[i]);
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *number = value;
    return text.length > 0;
}

static bool text_number_up_to(struct text text, u64 most, u64 *number)
{
    return text_number(text, number) && *number <= most;
}

/* "A-B" or "A" alone. */
static bool text_span(struct text text, u64 most, u64 *first, u64 *last)
{
    struct text head, rest;
    if (!text_cut(text, '-', &head, &rest))
        rest = head;
    return text_number_up_to(head, most, first) && text_number_up_to(rest, most, last) && *first <= *last;
}

static bool parse_console(struct options *options, struct text value)
{
    struct text name, baud_text;
    bool has_baud = text_cut(value, ',', &name, &baud_text);
    u64 port = 0, baud = UART_CLOCK;
    if (text_is(name, "vga") || text_is(name, "none")) {
        options->console.kind = text_is(name, "vga") ? CONSOLE_VGA : CONSOLE_NONE;
        options->console.port = 0;
        return !has_baud;
    }
    if (text_is(name, "com1"))
        port = COM1_PORT;
    else if (text_is(name, "com2"))
        port = COM2_PORT;
    else if (name.length < 3 || memcmp(name.at, "0x", 2) || !text_number_up_to(name, 0x10000 - UART_PORTS, &port))
        return false;
    if (has_baud && !text_number_up_to(baud_text, UART_CLOCK, &baud))
        return false;
    options->console.kind = CONSOLE_COM;
    options->console.port = (u16)port;
    options->console.baud = (u32)baud;
    /* The UART divides its clock by a whole 16-bit number. */
    return port && baud && UART_CLOCK % baud == 0 && UART_CLOCK / baud <= 0xffff;
}

static bool add_ports(struct trap_request *trap, bool has_span, struct text span)
{
    u64 first = 0, last = 0xffff;
    if (trap->port_count == COUNT_OF(trap->ports) || (has_span && !text_span(span, 0xffff, &first, &last)))
        return false;
    trap->ports[trap->port_count].first = (u16)first;
    trap->ports[trap->port_count++].last = (u16)last;
    return true;
}

static bool add_msrs(struct trap_request *trap, bool has_span, struct text span)
{
    u64 first = 0, last = 0xffffffff;
    if (trap->msr_count == COUNT_OF(trap->msrs) || (has_span && !text_span(span, 0xffffffff, &first, &last)))
        return false;
    trap->msrs[trap->msr_count].first = (u32)first;
    trap->msrs[trap->msr_count++].last = (u32)last;
    return true;
}

static bool add_mmio(struct trap_request *trap, struct text span)
{
    struct text address_text, length_text;
    u64 address, length;
    if (trap->mmio_count == COUNT_OF(trap->mmio) || !text_cut(span, '+', &address_text, &length_text) ||
        !text_number_up_to(address_text, PHYSICAL_LIMIT - 1, &address) ||
        !text_number_up_to(length_text, PHYSICAL_LIMIT - address, &length) || !length)
        return false;
    trap->mmio[trap->mmio_count++] = (struct range){align_down(address, PAGE_SIZE),
                                                    align_up(address + length, PAGE_SIZE)};
    return true;
}

static bool parse_trap_item(struct trap_request *trap, struct text item)
{
    struct text name, span;
    bool has_span = text_cut(item, ':', &name, &span);
    if (text_is(name, "pio"))
        return add_ports(trap, has_span, span);
    if (text_is(name, "msr"))
        return add_msrs(trap, has_span, span);
    if (text_is(name, "mmio"))
        return has_span && add_mmio(trap, span);

    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"apic", &trap->apic}, {"dr", &trap->dr}, {"tsc", &trap->tsc}, {"cr3", &trap->cr3}, {"hlt", &trap->hlt}};
    for (u32 i = 0; i < COUNT_OF(flags); i++) {
        if (text_is(name, flags[i].name)) {
            *flags[i].flag = true;
            return !has_span;
        }
    }
    return false;
}

static bool parse_trap(struct options *options, struct text value)
{
    memset(&options->trap, 0, sizeof(options->trap));
    if (text_is(value, "none"))
        return true;
    struct text item;
    bool more = true;
    while (more) {
        more = text_cut(value, ',', &item, &value);
        if (!parse_trap_item(&options->trap, item))
            return false;
    }
    return true;
}

static bool parse_report(struct options *options, struct text value)
{
    options->report.at_end = false;
    options->report.period_seconds = 0;
    if (text_is(value, "none"))
        return true;
    struct text item, name, seconds_text;
    bool more = true;
    while (more) {
        more = text_cut(value, ',', &item, &value);
        u64 seconds = 0;
        if (!text_cut(item, ':', &name, &seconds_text) && text_is(name, "end"))
            options->report.at_end = true;
        else if (text_is(name, "period") && text_number_up_to(seconds_text, PERIOD_MAX, &seconds) && seconds)
            options->report.period_seconds = (u32)seconds;
        else
            return false;
    }
    return true;
}

static bool parse_cpus(struct options *options, enum option_id id, struct text value)
{
    u64 cpus = 0;
    const struct option_limits *limits = &option_limits[id];
    if (!text_is(value, "all") && (!text_number_up_to(value, limits->most, &cpus) || cpus < limits->least))
        return false;
    options->cpus = (u32)cpus;
    return true;
}

static bool parse_number(struct options *options, enum option_id id, struct text value)
{
    u64 number;
    const struct option_limits *limits = &option_limits[id];
    if (!text_number_up_to(value, limits->most, &number) || number < limits->least)
        return false;
    if (id == OPTION_THRESHOLD)
        options->threshold = (u32)number;
    else if (id == OPTION_CLUSTER_MAX)
        options->cluster_max = (u32)number;
    else
        options->exit_delay = (u32)number;
    return true;
}

static bool parse_choice(struct options *options, enum option_id id, struct text value)
{
    for (u32 i = 0; i < option_choice_count; i++) {
        if (option_choices[i].id == id && text_is(value, option_choices[i].word)) {
            option_set(options, id, option_choices[i].value);
            return true;
        }
    }
    return false;
}

static bool parse_value(struct options *options, enum option_id id, struct text value)
{
    switch (id) {
    case OPTION_CONSOLE:
        return parse_console(options, value);
    case OPTION_TRAP:
        options->trap_text = value.at;
        options->trap_length = value.length;
        return parse_trap(options, value);
    case OPTION_REPORT:
        return parse_report(options, value);
    case OPTION_CPUS:
        return parse_cpus(options, id, value);
    case OPTION_THRESHOLD:
    case OPTION_CLUSTER_MAX:
    case OPTION_EXIT_DELAY:
        return parse_number(options, id, value);
    default:
        return parse_choice(options, id, value);
    }
}

static bool find_option(struct text name, enum option_id *id)
{
    for (u32 i = 0; i < OPTION_COUNT; i++) {
        if (text_is(name, option_rows[i].name)) {
            *id = (enum option_id)i;
            return true;
        }
    }
    return false;
}

void options_defaults(struct options *options)
{
    memset(options, 0, sizeof(*options));
    for (u32 i = 0; i < OPTION_COUNT; i++) {
        const char *standard = option_rows[i].standard;
        parse_value(options, (enum option_id)i, (struct text){standard, (u32)strlen(standard)});
    }
}

static enum options_status parse_word(struct options *options, struct text word, bool first, enum option_id *id)
{
    struct text name, value;
    if (text_is(word, "help")) {
        options->help = true;
        return OPTIONS_OK;
    }
    if (!text_cut(word, '=', &name, &value)) {
        if (!first)
            return OPTIONS_NO_VALUE;
        options->ignored = word.at;
        options->ignored_length = word.length;
        return OPTIONS_OK;
    }
    if (!find_option(name, id))
        return OPTIONS_UNKNOWN_NAME;
    if (options->given & BIT(*id))
        return OPTIONS_TWICE;
    options->given |= (u32)BIT(*id);
    return parse_value(options, *id, value) ? OPTIONS_OK : OPTIONS_BAD_VALUE;
}

static bool is_blank(char character)
{
    return character == ' ' || character == '\t' || character == '\n' || character == '\r';
}

enum options_status options_parse(const char *command_line, struct options *options, struct options_error *error)
{
    options_defaults(options);
    *error = (struct options_error){.status = OPTIONS_OK, .option = OPTION_COUNT};
    const char *at = command_line ? command_line : "";
    for (bool first = true;; first = false) {
        while (is_blank(*at))
            at++;
        struct text word = {at, 0};
        while (at[word.length] && !is_blank(at[word.length]))
            word.length++;
        if (!word.length)
            return OPTIONS_OK;
        at += word.length;
        error->status = parse_word(options, word, first, &error->option);
        if (error->status != OPTIONS_OK) {
            error->word = word.at;
            error->word_length = word.length;
            return error->status;
        }
        error->option = OPTION_COUNT;
    }
}
