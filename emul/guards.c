/* SPDX-License-Identifier: BSD-2-Clause */
#include "emul/guards.h"

#include "lib/string.h"

/* High byte of PM1_CNT, and the hardware-reduced sleep control register (ACPI, "PM1 Control Registers"). */
#define SLEEP_TYPE(byte) (((byte) >> 2) & 7)
#define SLEEP_ENABLE 0x20
/* High byte of PM1_STS. */
#define WAKE_STATUS 0x80

#define RESET_CPU 0x04  /* port 0xcf9 */
#define FAST_RESET 0x01 /* port 0x92 */
#define LINE_RESET 0x01 /* 8042 output port and pulse mask: active low */
#define GATE_A20 0x02   /* port 0x92 and the 8042's output port */
#define KEYBOARD_WRITE_OUTPUT_PORT 0xd1
#define KEYBOARD_PULSE 0xf0 /* 0xf0 to 0xff: pulses the lines whose bits are clear */

const char *end_cause_name(enum end_cause cause)
{
    static const char *const names[END_CAUSE_COUNT] = {
        [END_NONE] = "none",
        [END_ACPI_S5] = "acpi-s5",
        [END_RESET_CF9] = "reset-cf9",
        [END_RESET_PORT_92] = "reset-port-92",
        [END_RESET_KEYBOARD] = "reset-keyboard",
        [END_RESET_FADT] = "reset-fadt",
        [END_TRIPLE_FAULT] = "triple-fault",
        [END_DEBUG_EXIT] = "debug-exit",
        [END_BOCHS_SHUTDOWN] = "bochs-shutdown",
        [END_INIT] = "init",
        [END_FATAL] = "fatal",
    };
    return (unsigned)cause < END_CAUSE_COUNT ? names[cause] : "unknown";
}

void guards_init(struct guards *guards, const struct guard_config *config)
{
    memset(guards, 0, sizeof(*guards));
    guards->config = *config;
}

static enum guard_verdict ends(enum end_cause why, enum end_cause *cause)
{
    *cause = why;
    return GUARD_END;
}

/* `type` is what \_S5_ gives for this register. */
static enum guard_verdict guard_sleep(struct guards *guards, u8 byte, u8 type, enum end_cause *cause)
{
    if (!(byte & SLEEP_ENABLE))
        return GUARD_PERFORM;
    if (!guards->config.has_s5 || SLEEP_TYPE(byte) == type)
        return ends(END_ACPI_S5, cause);
    guards->sleep_refused++;
    guards->pretend_wake = true;
    return GUARD_SWALLOW;
}

static enum guard_verdict guard_keyboard_data(struct guards *guards, u8 byte, enum end_cause *cause)
{
    bool output_port = guards->keyboard_writes_output_port;

    guards->keyboard_writes_output_port = false;
    return output_port && !(byte & LINE_RESET) ? ends(END_RESET_KEYBOARD, cause) : GUARD_PERFORM;
}

static enum guard_verdict guard_keyboard_command(struct guards *guards, u8 byte, enum end_cause *cause)
{
    guards->keyboard_writes_output_port = byte == KEYBOARD_WRITE_OUTPUT_PORT;
    return byte >= KEYBOARD_PULSE && !(byte & LINE_RESET) ? ends(END_RESET_KEYBOARD, cause) : GUARD_PERFORM;
}

static enum guard_verdict guard_reset_control(struct guards *guards, u8 byte, enum end_cause *cause)
{
    bool before = guards->reset_control_set;

    guards->reset_control_set = byte & RESET_CPU;
    return (byte & RESET_CPU) && !before ? ends(END_RESET_CF9, cause) : GUARD_PERFORM;
}

/*
 * A wrong character starts over, and may itself be the first. Letters of the word out of their place are passed over as
 * Bochs does it, so that its end never comes unseen.
 */
static enum guard_verdict guard_bochs(struct guards *guards, u8 byte, enum end_cause *cause)
{
    static const char word[] = "Shutdown";

    if (byte == (u8)word[guards->bochs_matched])
        guards->bochs_matched++;
    else if (!byte || !memchr(word, byte, sizeof(word) - 1))
        guards->bochs_matched = 0;
    if (guards->bochs_matched < sizeof(word) - 1)
        return GUARD_PERFORM;
    guards->bochs_matched = 0;
    return ends(END_BOCHS_SHUTDOWN, cause);
}

/* Whether `port` is the high byte of the 16-bit register at `base`; a base of 0 does not exist. */
static bool is_high_byte(u16 port, u16 base)
{
    return base && port == (u16)(base + 1);
}

static enum guard_verdict guard_byte(struct guards *guards, u16 port, u8 byte, enum end_cause *cause)
{
    const struct guard_config *config = &guards->config;

    if (is_high_byte(port, config->pm1a_control))
        return guard_sleep(guards, byte, config->s5_type_a, cause);
    if (is_high_byte(port, config->pm1b_control))
        return guard_sleep(guards, byte, config->s5_type_b, cause);
    if (config->sleep_control && port == config->sleep_control)
        return guard_sleep(guards, byte, config->s5_type_a, cause);

    enum guard_verdict verdict = GUARD_PERFORM;
    switch (port) {
    case PORT_KEYBOARD_DATA:
        verdict = guard_keyboard_data(guards, byte, cause);
        break;
    case PORT_KEYBOARD_COMMAND:
        verdict = guard_keyboard_command(guards, byte, cause);
        break;
    case PORT_SYSTEM_CONTROL_A:
        verdict = byte & FAST_RESET ? ends(END_RESET_PORT_92, cause) : GUARD_PERFORM;
        break;
    case PORT_RESET_CONTROL:
        verdict = guard_reset_control(guards, byte, cause);
        break;
    case PORT_BOCHS_SHUTDOWN:
        verdict = guard_bochs(guards, byte, cause);
        break;
    default:
        break;
    }
    /* The FADT may name one of the ports above: then the name above says more. */
    if (verdict == GUARD_PERFORM && config->reset_port && port == config->reset_port && byte == config->reset_value)
        return ends(END_RESET_FADT, cause);
    return verdict;
}

enum guard_verdict guard_port_write(struct guards *guards, u16 port, u32 size, u32 value, enum end_cause *cause)
{
    enum guard_verdict verdict = GUARD_PERFORM;

    if (port == PORT_DEBUG_EXIT || port == PORT_DEBUG_EXIT_DEFAULT)
        return ends(END_DEBUG_EXIT, cause);
    if (port == PORT_PCI_ADDRESS && size == 4)
        return GUARD_PERFORM;
    for (u32 i = 0; i < size; i++) {
        enum guard_verdict byte = guard_byte(guards, (u16)(port + i), (u8)(value >> (8 * i)), cause);
        if (byte > verdict)
            verdict = byte;
    }
    return verdict;
}

u32 guard_port_value(const struct guards *guards, u16 port, u32 size, u32 value)
{
    for (u32 i = 0; i < size; i++)
        if (port + i == PORT_SYSTEM_CONTROL_A ||
            (port + i == PORT_KEYBOARD_DATA && guards->keyboard_writes_output_port))
            value |= (u32)GATE_A20 << (8 * i);
    return value;
}

u32 guard_port_read(struct guards *guards, u16 port, u32 size, u32 value)
{
    if (!guards->pretend_wake)
        return value;
    for (u32 i = 0; i < size; i++) {
        u16 at = (u16)(port + i);
        if (is_high_byte(at, guards->config.pm1a_status) || is_high_byte(at, guards->config.pm1b_status)) {
            value |= (u32)WAKE_STATUS << (8 * i);
            guards->pretend_wake = false;
        }
    }
    return value;
}
