/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port writes that mean more than data (SPEC 2.7): each guard looks at the value before the access is performed. Pure:
 * it decides, the caller acts.
 */
#ifndef EMUL_GUARDS_H
#define EMUL_GUARDS_H

#include "lib/types.h"

/* Why the guest ended; END_CAUSE_* names in reports come from end_cause_name(). */
enum end_cause {
    END_NONE,
    END_ACPI_S5, /* PM1_CNT with SLP_EN and the SLP_TYP of \_S5_, or the hardware-reduced sleep control register */
    END_RESET_CF9,
    END_RESET_PORT_92,
    END_RESET_KEYBOARD, /* 8042 pulse of the reset line, or output port bit 0 cleared */
    END_RESET_FADT,
    END_TRIPLE_FAULT,
    END_DEBUG_EXIT,     /* QEMU's isa-debug-exit */
    END_BOCHS_SHUTDOWN, /* "Shutdown" to port 0x8900 */
    END_INIT,           /* INIT to the last running CPU: a reset by other means */
    END_FATAL,          /* Exeunt cannot go on with this guest; a dump was printed */
    END_CAUSE_COUNT
};

/* "acpi-s5", "reset-cf9", "reset-port-92", "reset-keyboard", "reset-fadt", "triple-fault", "debug-exit",
 * "bochs-shutdown", "init", "fatal" */
const char *end_cause_name(enum end_cause cause);

/* What firmware tables say about the ports to guard; a port of 0 does not exist. */
struct guard_config {
    u16 pm1a_control, pm1b_control; /* FADT PM1x_CNT_BLK */
    u16 pm1a_status, pm1b_status;   /* FADT PM1x_EVT_BLK: where a guest waits for WAK_STS after it wrote SLP_EN */
    u16 timer;                      /* FADT PM_TMR_BLK: only for its name */
    u8 s5_type_a, s5_type_b;        /* \_S5_; valid with has_s5 */
    bool has_s5;
    u16 sleep_control; /* FADT SLEEP_CONTROL_REG when in I/O space (hardware-reduced) */
    u16 reset_port;    /* FADT RESET_REG when in I/O space */
    u8 reset_value;
};

struct guards {
    struct guard_config config;
    u8 bochs_matched;                 /* characters of "Shutdown" seen at port 0x8900 */
    bool keyboard_writes_output_port; /* the 8042 got command 0xd1: the next byte to 0x60 is its output port */
    bool reset_control_set;           /* RST_CPU of port 0xcf9 as last written: only its change to 1 resets */
    bool pretend_wake; /* a sleep was refused: the next read of PM1_STS shows WAK_STS, as after a wake-up at once */
    u64 sleep_refused; /* S1 to S4 */
};

enum guard_verdict {
    GUARD_PERFORM,
    GUARD_SWALLOW, /* not performed (sleep states S1 to S4) */
    GUARD_END,     /* performing it ends the guest: report first, then perform */
};

/* Ports with a guard, besides those of guard_config. */
enum guarded_port {
    PORT_KEYBOARD_DATA = 0x60,
    PORT_KEYBOARD_COMMAND = 0x64,
    PORT_SYSTEM_CONTROL_A = 0x92,
    PORT_DEBUG_EXIT = 0xf4,          /* QEMU's isa-debug-exit, as kvm-unit-tests and CI place it */
    PORT_DEBUG_EXIT_DEFAULT = 0x501, /* ...and its default */
    PORT_PCI_ADDRESS = 0xcf8,
    PORT_RESET_CONTROL = 0xcf9,
    PORT_BOCHS_SHUTDOWN = 0x8900,
};

void guards_init(struct guards *guards, const struct guard_config *config);

/*
 * A write of `size` (1, 2, 4) bytes to `port`: a write that covers a guarded port is looked at byte by byte, as the bus
 * splits it. Two are not split: a dword to 0xcf8 is the PCI address and no reset, and the debug exits take what starts
 * at them (a chipset's GPIO dword at 0x500 is none). *cause is set on GUARD_END.
 *
 * SLP_EN with a type other than that of \_S5_ is S1 to S4 and swallowed; where \_S5_ is unknown, every type is taken
 * for the end, so that the last report comes out.
 */
enum guard_verdict guard_port_write(struct guards *guards, u16 port, u32 size, u32 value, enum end_cause *cause);

/*
 * What is to be written in its place: with the A20 gate open. In VMX operation the processor does not look at A20M#
 * (SDM "Restrictions on VMX Operation"), so this changes nothing there; an emulator that does look would take every
 * other MiB from Exeunt, too. To be asked before guard_port_write(), which forgets what the 8042 waits for.
 */
u32 guard_port_value(const struct guards *guards, u16 port, u32 size, u32 value);

/* What a read of `size` bytes at `port` gave, as the guest is to see it: sets WAK_STS after a refused sleep. */
u32 guard_port_read(struct guards *guards, u16 port, u32 size, u32 value);

#endif
