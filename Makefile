# SPDX-License-Identifier: BSD-2-Clause
#
# make           build/exeunt.elf (unpacked, for gdb: build/exeunt.debug; disassembly: build/exeunt.lst), the micro-guests
# make run       boot Debian Linux under Exeunt in Bochs, print the exit report
#                MODEL=corei7_haswell_4770 KERNEL=vmlinuz INITRD=initrd.gz CMDLINE="..." OPTIONS="trap=none"
#                CPUS=1 MEMORY=512 (MiB) TIMEOUT=600 (seconds) DISK=image BARE=1 (without Exeunt)
# make fuzz      SECONDS=60: the libFuzzer targets and the comparison with libzydis; make nightly: the long proofs
# make test      every test; make check: the fast host part; make test-all: every combination
# make iso       build/exeunt.iso for BIOS and UEFI: dd it to a USB stick
# make deps      install the Debian packages that are missing
# make bench     the benchmarks (docs/BENCHMARKS.md): WORKLOADS="cpuid msr" ENGINES="interp" TIMING="on off" MODEL=...
#                make bench-record: test/bench/expected.tsv anew; make bench-host: emul/ in nanoseconds on this CPU
# make damaged   build/damaged/exeunt.elf, which must say that it is
# make switched  build/switched/exeunt.elf, in which a test can switch checks off (lib/test_switch.h)
# make traced    build/traced/exeunt.elf, which tells each time that it counts (vmx/exit_trace.h)
# make build/exeuntctl: hypercalls from a shell in a Linux guest (docs/REPORTS.md)
# make report    build/exeunt-report, which shows serial logs (docs/REPORTS.md); make test-pages: its page in Chromium
# make size      lines per room, bytes of the image as loaded and as unpacked, memory owned

BUILD := build
CC ?= gcc
# V=1 shows the commands.
Q := $(if $(V),,@)
LD ?= ld
OBJCOPY ?= objcopy
OBJDUMP ?= objdump
NM ?= nm

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-unused-parameter
# Bytes: what GRUB loads (SPEC 1.1), and, our own, the code that is unpacked from it.
IMAGE_LIMIT := 163840
TEXT_LIMIT := 204800

.PHONY: all iso run deps unit fuzz fuzz-corpus nightly proofs check format format-check lint test test-all clean guests linux size bench bench-record bench-host counted switched traced damaged
.DELETE_ON_ERROR:
all: $(BUILD)/exeunt.elf $(BUILD)/exeuntctl guests

# ---- the hypervisor: ring 0 ----

RING0_C := $(filter-out %/offsets.c %_host.c,$(wildcard boot/*.c vmx/*.c emul/*.c cache/*.c ept/*.c lib/*.c))
RING0_S := $(wildcard boot/*.S vmx/*.S emul/*.S cache/*.S ept/*.S lib/*.S)
RING0_OBJS := $(RING0_C:%.c=$(BUILD)/ring0/%.o) $(RING0_S:%.S=$(BUILD)/ring0/%.S.o)
# Without -fipa-sra: GCC 12 saves more registers on the path of an exit with it.
RING0_OPTIMIZE := -Os
RING0_FLAGS = -std=gnu11 $(RING0_OPTIMIZE) -g -ffunction-sections -fdata-sections -I. -I$(BUILD)/ring0 -ffreestanding -fno-pic -mno-red-zone \
               -mgeneral-regs-only -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
               -fno-strict-aliasing -fno-ipa-sra -malign-data=abi -ffile-prefix-map=$(CURDIR)/= $(WARN) $(RING0_EXTRA) -flto
OFFSETS := $(BUILD)/ring0/offsets.h

# The path of an exit is compiled for speed, and what forms clusters (every fifth tick of making one); all else for size.
HOT_C := vmx/exit.c vmx/exit_ept.c vmx/exit_io.c vmx/exit_msr.c vmx/exit_cpuid.c vmx/cpuid_policy.c vmx/exit_vmcall.c vmx/hypercall.c \
         vmx/state.c vmx/emulate.c emul/step.c emul/cached.c emul/quick_run.c emul/interp_mov.c emul/interp_io.c \
         emul/device_mmio.c emul/device_pio.c emul/cluster.c emul/assess.c emul/carry.c
# The whole image goes through it at start-up. It may call nothing, because all else is packed.
$(BUILD)/ring0/boot/unpack.o: RING0_FLAGS += -fno-lto
$(patsubst %.c,$(BUILD)/ring0/%.o,$(HOT_C) boot/unpack.c): RING0_OPTIMIZE := -O2

# offsets.c files hold asm("->NAME value") lines: assembler offsets that the compiler worked out.
define make_offsets
	@mkdir -p $(@D)
	@echo "/* generated */" >$@
	$(Q)for c in $(filter %.c,$^); do $(CC) $(1) -MMD -MP -MT $@ -MF $@.$${c%%/*}.d -S $$c -o $@.s || exit 1; \
	    sed -n 's/^.*->[ \t]*\([A-Za-z0-9_]*\)[ \t]*\$$\{0,1\}\(-\{0,1\}[0-9][0-9a-fx]*\).*/#define \1 \2/p' $@.s >>$@; done
	@[ $$(grep -c define $@) -gt 0 ] || { echo "no offsets came out" >&2; exit 1; }
endef
$(BUILD)/ring0/offsets.h: vmx/offsets.c emul/offsets.c
	$(call make_offsets,$(RING0_FLAGS) -fno-lto)

$(BUILD)/ring0/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(CC) $(RING0_FLAGS) -MMD -MP -c $< -o $@

$(BUILD)/ring0/%.S.o: %.S Makefile $(OFFSETS)
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(CC) $(RING0_FLAGS) -fno-lto -D__ASSEMBLER__ -MMD -MP -c $< -o $@

# The link result, for debuggers and disassemblers.
$(BUILD)/exeunt.debug: $(RING0_OBJS) linker.ld
	@echo "  ld $@"
	@[ -z "$$($(NM) -u $(BUILD)/ring0/boot/unpack.o)" ] || { echo "boot/unpack.c calls what is packed" >&2; exit 1; }
	$(Q)$(CC) $(RING0_FLAGS) -flto-partition=one -nostdlib -static -no-pie -Wl,--gc-sections,-z,max-page-size=0x1000,--build-id=none \
	    -T linker.ld -o $@ $(RING0_OBJS)

# The same with its code and data packed: first all sections become memory without content, then two get theirs.
UNPACKED := .text .rodata .data
$(BUILD)/exeunt.elf: $(BUILD)/exeunt.debug $(BUILD)/pack-image tools/measure-size
	@echo "  pack $@"
	@$(OBJCOPY) -O binary $(UNPACKED:%=-j %) $< $@.plain
	@$(OBJCOPY) -O binary -j .start $< $@.start
	@$(BUILD)/pack-image $@.plain $@.packed
	@$(OBJCOPY) --only-keep-debug $< $@.empty
	@$(OBJCOPY) --strip-debug $(UNPACKED:%=--set-section-flags %=alloc) \
	    --update-section .start=$@.start --set-section-flags .start=alloc,load,contents,code,readonly \
	    --update-section .packed=$@.packed --set-section-flags .packed=alloc,load,contents,readonly $@.empty $@.new
	@IMAGE_LIMIT=$(IMAGE_LIMIT) TEXT_LIMIT=$(TEXT_LIMIT) tools/measure-size check $@.new $<
	@grub-file --is-x86-multiboot2 $@.new || { echo "$@: not a Multiboot2 image" >&2; exit 1; }
	@$(OBJDUMP) -d $< >$(BUILD)/exeunt.lst
	@rm $@.plain $@.start $@.packed $@.empty
	@mv $@.new $@

$(BUILD)/pack-image: tools/pack-image.c boot/unpack.c boot/unpack.h lib/types.h
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(CC) -std=gnu11 -O2 -I. -DEXEUNT_HOST $(WARN) $(filter %.c,$^) -o $@

# ---- micro-guests: Multiboot1 ELF32 images, of 32-bit code (NAME.elf) or 64-bit code (NAME64.elf) ----

GUESTS32 := $(patsubst test/guest/%/main.c,%,$(wildcard test/guest/*/main.c))
# Those that also (or only) make sense in long mode.
GUESTS64_ONLY := $(patsubst test/guest/%/long-mode-only,%,$(wildcard test/guest/*/long-mode-only))
GUESTS64 := $(filter $(GUESTS32),$(patsubst test/guest/%/long-mode,%,$(wildcard test/guest/*/long-mode))) $(GUESTS64_ONLY)
GUEST_IMAGES := $(patsubst %,$(BUILD)/guest/%.elf,$(filter-out $(GUESTS64_ONLY),$(GUESTS32))) $(GUESTS64:%=$(BUILD)/guest/%64.elf)
GUEST_FLAGS := -std=gnu11 -O2 -g -I. -ffreestanding -fno-pic -fno-pie -mgeneral-regs-only -mno-red-zone \
               -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fno-strict-aliasing \
               -ffile-prefix-map=$(CURDIR)/= $(WARN) -Wno-clobbered -Wno-array-bounds

guests: $(GUEST_IMAGES)

# Sources of guest $(1) for $(2) bits: all in its directory but those named for the other size.
guest_sources = $(filter-out %$(if $(filter 32,$(2)),64,32).S %$(if $(filter 32,$(2)),64,32).c,$(wildcard test/guest/$(1)/*.[cS] test/guest/lib/*.[cS]))

# $(1) guest, $(2) bits, $(3) suffix of the image's name
define guest_image
$$(BUILD)/guest/$(1)$(3).elf: $$(patsubst test/guest/%,$$(BUILD)/guest/$(2)/%.o,$$(call guest_sources,$(1),$(2))) test/guest/lib/guest.ld
	@echo 'extern const char guest_name[]; const char guest_name[] = "$(1)$(3)";' | \
	    $$(CC) $$(GUEST_FLAGS) -m$(2) -x c -c - -o $$(BUILD)/guest/$(2)/$(1)/name.o
	@echo "  ld $$@"
	$(Q)$$(LD) -m $$(if $$(filter 32,$(2)),elf_i386,elf_x86_64) -nostdlib -z max-page-size=0x1000 --build-id=none --no-warn-rwx-segments \
	    -T test/guest/lib/guest.ld -o $$@.native $$(filter %.o,$$^) $$(BUILD)/guest/$(2)/$(1)/name.o
	@$$(OBJCOPY) -O elf32-i386 $$@.native $$@
endef
$(foreach g,$(GUESTS32),$(eval $(call guest_image,$(g),32,)))
$(foreach g,$(GUESTS64),$(eval $(call guest_image,$(g),64,64)))

$(BUILD)/guest/32/%.o: test/guest/%
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(CC) $(GUEST_FLAGS) -m32 -MMD -MP -c $< -o $@

$(BUILD)/guest/64/%.o: test/guest/%
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(CC) $(GUEST_FLAGS) -m64 -mcmodel=small -MMD -MP -c $< -o $@

# ---- the pure part as an ordinary host library, and its unit tests ----

PURE := $(filter-out %/offsets.c,$(wildcard emul/*.c cache/*.c ept/*.c)) \
        $(wildcard boot/options*.c boot/multiboot2.c boot/memory_map.c boot/unpack.c boot/acpi*.c boot/guest.c boot/guest_linux*.c boot/guest_multiboot*.c) \
        $(wildcard vmx/caps.c vmx/cpuid_policy.c vmx/exit_reasons.c vmx/vmcs_fields.c vmx/report.c vmx/task_switch.c vmx/control_registers.c vmx/event.c vmx/mtrr.c vmx/spaces.c) \
        $(wildcard lib/format.c lib/page_pool.c lib/statistics.c lib/json.c lib/string_host.c \
                     lib/console.c lib/console_keys.c lib/console_uart.c lib/console_vga.c lib/print.c lib/counters.c \
                     lib/text_queue.c \
                     vmx/phases.c vmx/exit_rows.c vmx/exit_statistics.c vmx/printer.c vmx/report_details.c vmx/report_sites.c vmx/hypercall.c)

HOST_FLAGS := -std=gnu11 -g -O1 -I. -DEXEUNT_HOST -fsanitize=address,undefined -fno-sanitize-recover=undefined $(WARN)
PURE_S := $(wildcard emul/*.S lib/coroutine.S)
HOST_OBJS := $(PURE:%.c=$(BUILD)/host/%.o) $(PURE_S:%.S=$(BUILD)/host/%.S.o)
UNIT := $(patsubst test/unit/%.c,$(BUILD)/host/%,$(wildcard test/unit/test_*.c))

$(BUILD)/host/%.o: %.c
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(CC) $(HOST_FLAGS) -MMD -MP -c $< -o $@

# The assembler part of emul/, the same for all host builds.
$(BUILD)/host/offsets.h: emul/offsets.c
	$(call make_offsets,-std=gnu11 -O1 -I. -DEXEUNT_HOST)

$(BUILD)/host/%.S.o: %.S $(BUILD)/host/offsets.h
	@mkdir -p $(@D)
	$(Q)$(CC) -I. -I$(BUILD)/host -c $< -o $@

$(BUILD)/host/libexeunt.a: $(HOST_OBJS)
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)ar rcs $@ $(HOST_OBJS)

$(BUILD)/host/test_%: test/unit/test_%.c $(BUILD)/host/libexeunt.a
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(CC) $(HOST_FLAGS) -MMD -MP $< $(filter %.o,$^) $(BUILD)/host/libexeunt.a -lcmocka -o $@

$(BUILD)/host/test_unpack: $(BUILD)/pack-image
$(BUILD)/host/test_exeuntctl: $(BUILD)/exeuntctl
$(BUILD)/host/test_site_rest: $(BUILD)/host/vmx/site_rest.o # the test is the VMCS

# With a trampoline for translated code, and functions around the product's (test/fuzz/cluster_*.h: __wrap_).
CLUSTER_S := $(BUILD)/host/test/fuzz/cluster_run.S.o
CLUSTER_WRAPPED := guest_walk $(addprefix interp_,shift shift_double bit_scan bit_count multiply)
CLUSTER_LINK := $(CLUSTER_S) $(CLUSTER_WRAPPED:%=-Wl,--wrap=%)

TRANSLATE_UNIT := $(patsubst test/unit/%.c,$(BUILD)/host/%,$(wildcard test/unit/test_translate*.c))

$(TRANSLATE_UNIT): $(BUILD)/host/test_%: test/unit/test_%.c $(BUILD)/host/libexeunt.a $(CLUSTER_S)
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(CC) $(HOST_FLAGS) -MMD -MP $< $(CLUSTER_LINK) $(BUILD)/host/libexeunt.a -lcmocka -o $@

# ---- boot images and runs ----

deps:
	@tools/install-deps

# Programs for 64-bit Linux that need nothing but its kernel.
LINUX_PROGRAMS := $(BUILD)/exeuntctl $(BUILD)/cpuid-sum
LINUX_FLAGS := -std=gnu11 -Os -I. -ffreestanding -fno-pie -no-pie -fno-stack-protector -fcf-protection=none \
               -fno-asynchronous-unwind-tables -static -nostdlib -s -Wl,--build-id=none,-z,noseparate-code,-z,noexecstack $(WARN)

$(BUILD)/exeuntctl: tools/exeuntctl.c
$(BUILD)/cpuid-sum: test/linux/cpuid-sum.c
$(LINUX_PROGRAMS): tools/linux_program.h vmx/hypercall.h
	@mkdir -p $(@D)
	@echo "  cc $@"
	$(Q)$(CC) $(LINUX_FLAGS) $(filter %.c,$^) -o $@

linux: $(BUILD)/linux/vmlinuz $(BUILD)/linux/initrd.gz

LINUX_PARTS := tools/linux-guest tools/linux-init $(LINUX_PROGRAMS)
$(BUILD)/linux/vmlinuz $(BUILD)/linux/initrd.gz &: $(LINUX_PARTS)
	BUILD=$(BUILD) tools/linux-guest $(BUILD)/linux

# With drivers that the cloud kernel has not; for tools/bench only.
$(BUILD)/linux-standard/vmlinuz $(BUILD)/linux-standard/initrd.gz &: $(LINUX_PARTS)
	BUILD=$(BUILD) tools/linux-guest $(BUILD)/linux-standard standard

iso: $(BUILD)/exeunt.iso

$(BUILD)/exeunt.iso: $(BUILD)/exeunt.elf $(GUEST_IMAGES) $(BUILD)/linux/vmlinuz $(BUILD)/linux/initrd.gz tools/mkimage
	tools/mkimage menu $@

# Needs nothing but make, gcc and a shell: tools/run installs the rest, then calls make again.
run:
	@MODEL='$(MODEL)' KERNEL='$(KERNEL)' INITRD='$(INITRD)' CMDLINE='$(CMDLINE)' OPTIONS='$(OPTIONS)' CPUS='$(CPUS)' \
	 MEMORY='$(MEMORY)' TIMEOUT='$(TIMEOUT)' DISK='$(DISK)' BARE='$(BARE)' tools/run

size: $(BUILD)/exeunt.elf
	@tools/measure-size $<

# ---- benchmarks ----

bench:
	@WORKLOADS='$(WORKLOADS)' ENGINES='$(ENGINES)' TIMING='$(TIMING)' MODEL='$(MODEL)' OPTIONS='$(OPTIONS)' tools/bench run

bench-record:
	@tools/bench record

# Nanoseconds on this machine's CPU: emul/ without sanitizers, optimised for speed and, like the image, for size.
BENCH_HOST := $(BUILD)/bench/host-O2 $(BUILD)/bench/host-Os
BENCH_HOST_SOURCES := test/bench/host.c $(filter-out %/offsets.c,$(wildcard emul/*.c cache/*.c ept/*.c)) \
                      $(PURE_S:%.S=$(BUILD)/host/%.S.o) lib/page_pool.c

$(BENCH_HOST): $(BUILD)/bench/host-%: $(BENCH_HOST_SOURCES) $(wildcard emul/*.h emul/*.def ept/*.h lib/*.h) test/unit/emul_fixture.h
	@mkdir -p $(@D)
	@echo "  cc $@"
	$(Q)$(CC) -std=gnu11 -$* -I. -DEXEUNT_HOST $(WARN) $(BENCH_HOST_SOURCES) -lZydis -o $@

bench-host:
	@tools/install-deps
	@$(MAKE) -s $(BENCH_HOST)
	@for level in O2 Os; do $(BUILD)/bench/host-$$level -$$level || exit 1; done | tee $(BUILD)/bench-host.tsv

# The image that counts VMX operations (lib/vmx_ops.h): only to measure, so it may be larger.
counted:
	@$(MAKE) BUILD=$(BUILD)/counted RING0_EXTRA=-DCOUNT_VMX_OPS TEXT_LIMIT=262144 $(BUILD)/counted/exeunt.elf

# The image in which a guest can switch checks off (lib/test_switch.h): only to show that its tests would notice.
switched:
	@$(MAKE) BUILD=$(BUILD)/switched RING0_EXTRA=-DEXEUNT_TEST_SWITCHES TEXT_LIMIT=262144 $(BUILD)/switched/exeunt.elf

# The image that tells each time that goes into a row (vmx/exit_trace.h): only for a test, which adds them up itself.
traced:
	@$(MAKE) BUILD=$(BUILD)/traced RING0_EXTRA=-DEXEUNT_TRACE_EXITS TEXT_LIMIT=262144 $(BUILD)/traced/exeunt.elf

# The image with something else where its packed part should be: only to show that it says so.
damaged: $(BUILD)/damaged/exeunt.elf
$(BUILD)/damaged/exeunt.elf: $(BUILD)/exeunt.elf
	@mkdir -p $(@D)
	@$(OBJCOPY) --update-section .packed=README.md $< $@

# ---- tests ----

unit: $(UNIT)
	@for t in $(UNIT); do echo "== $$t"; $$t || exit 1; done

# ---- proofs by chance: libFuzzer, libzydis, the host's own CPU (test/fuzz/run) ----

FUZZ_CC := clang
FUZZ_FLAGS := -std=gnu11 -g -O1 -I. -DEXEUNT_HOST -fsanitize=address,undefined -fno-sanitize-recover=undefined $(WARN)
FUZZ := $(patsubst test/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard test/fuzz/fuzz_*.c))
FUZZ_OBJS := $(PURE:%.c=$(BUILD)/fuzz/%.o) $(PURE_S:%.S=$(BUILD)/host/%.S.o)
FAST_FLAGS := -std=gnu11 -O2 -I. -DEXEUNT_HOST $(WARN)
FAST_OBJS := $(PURE:%.c=$(BUILD)/fast/%.o) $(PURE_S:%.S=$(BUILD)/host/%.S.o)
ZYDIS_C := test/fuzz/decode_zydis.c test/fuzz/decode_compare.c
SECONDS ?= 60

$(BUILD)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -c $< -o $@

$(BUILD)/fuzz/fuzz_%: test/fuzz/fuzz_%.c $(FUZZ_OBJS)
	@echo "  clang $<"
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer -MMD -MF $@.d $< $(FUZZ_OBJS) -o $@

$(BUILD)/fuzz/fuzz_cluster: test/fuzz/fuzz_cluster.c $(FUZZ_OBJS) $(CLUSTER_S)
	@echo "  clang $<"
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer -MMD -MF $@.d $< $(FUZZ_OBJS) $(CLUSTER_LINK) -o $@

$(BUILD)/fuzz/decode_zydis: $(ZYDIS_C) $(BUILD)/host/libexeunt.a
	@mkdir -p $(@D)
	@echo "  cc $@"
	$(Q)$(CC) $(HOST_FLAGS) $(ZYDIS_C) $(BUILD)/host/libexeunt.a -lZydis -o $@

$(BUILD)/fast/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(FAST_FLAGS) -MMD -c $< -o $@

$(BUILD)/fast/native: test/fuzz/native.c $(FAST_OBJS)
	@echo "  cc $@"
	$(Q)$(CC) $(FAST_FLAGS) -MMD -MF $@.d $< $(FAST_OBJS) -o $@

$(BUILD)/fast/test_cached: test/unit/test_cached.c $(FAST_OBJS)
	@echo "  cc $@"
	$(Q)$(CC) $(FAST_FLAGS) -MMD -MF $@.d $< $(FAST_OBJS) -lcmocka -o $@

$(BUILD)/fast/clusters: test/fuzz/clusters.c $(FAST_OBJS) $(CLUSTER_S)
	@echo "  cc $@"
	$(Q)$(CC) $(FAST_FLAGS) -MMD -MF $@.d $< $(FAST_OBJS) $(CLUSTER_LINK) -o $@

$(BUILD)/fast/decode_zydis: $(ZYDIS_C) $(FAST_OBJS)
	@echo "  cc $@"
	$(Q)$(CC) $(FAST_FLAGS) $(ZYDIS_C) $(FAST_OBJS) -lZydis -o $@

proofs: $(BUILD)/fast/native $(BUILD)/fast/decode_zydis $(BUILD)/fast/test_cached $(BUILD)/fast/clusters

fuzz:
	@tools/install-deps fuzz
	@$(MAKE) -s $(FUZZ) $(BUILD)/fuzz/decode_zydis
	@test/fuzz/run fuzz $(SECONDS)

# Makes test/fuzz/corpus anew from what is there and what make fuzz found.
fuzz-corpus: $(FUZZ)
	@test/fuzz/run corpus

nightly:
	@tools/install-deps fuzz
	@$(MAKE) -s proofs linux
	@test/fuzz/run nightly

SOURCES := $(wildcard boot/*.[ch] vmx/*.[ch] emul/*.[ch] cache/*.[ch] ept/*.[ch] lib/*.[ch] tools/*.[ch] \
                      test/unit/*.[ch] test/guest/*/*.[ch] test/fuzz/*.[ch] test/bench/*.[ch] test/linux/*.[ch])

format:
	@clang-format -i $(SOURCES)

format-check:
	@clang-format --dry-run --Werror $(SOURCES)

# interp_move.c: cppcheck does not see that the body of do-while always runs.
lint:
	@cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr -I. -DEXEUNT_HOST \
	    --suppress=missingIncludeSystem --suppress=unusedFunction --suppress=uninitvar:emul/interp_move.c --suppress=normalCheckLevelMaxBranches $(PURE)

# ---- build/exeunt-report: the host program that reads logs (docs/REPORTS.md) ----

REPORT_C := $(wildcard host/*.c)
REPORT_PARTS := $(filter-out host/main.c,$(REPORT_C))
REPORT_FUZZ := $(BUILD)/fuzz/fuzz_report
REPORT_UNIT := $(patsubst test/unit/%.c,$(BUILD)/host/%,$(wildcard test/unit/test_*report_*.c))

.PHONY: report lint-report test-pages
all: report
report: $(BUILD)/exeunt-report

$(BUILD)/exeunt-report: $(REPORT_C:%.c=$(BUILD)/fast/%.o)
	@echo "  cc $@"
	$(Q)$(CC) $(FAST_FLAGS) $(filter %.c %.o,$^) -lZydis -lm -o $@

# With sanitizers.
$(BUILD)/host/exeunt-report: $(REPORT_C:%.c=$(BUILD)/host/%.o)
	$(Q)$(CC) $(HOST_FLAGS) $(filter %.c %.o,$^) -lZydis -lm -o $@

$(REPORT_UNIT): $(BUILD)/host/test_%: test/unit/test_%.c $(REPORT_PARTS:%.c=$(BUILD)/host/%.o)
	@echo "  cc $<"
	$(Q)$(CC) $(HOST_FLAGS) -MMD -MP $(filter %.c %.o,$^) -lcmocka -lZydis -lm -o $@

$(REPORT_FUZZ): test/fuzz/fuzz_report.c $(REPORT_PARTS:%.c=$(BUILD)/fuzz/%.o)
	@echo "  clang $<"
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer -MMD -MF $@.d $(filter %.c %.o,$^) -lZydis -lm -o $@

# The page in headless Chromium: not in `make test`, for what it would install.
test-pages:
	@tools/install-deps pages
	@test/run pages

SOURCES += $(wildcard host/*.[ch])
lint: lint-report
lint-report:
	@cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr -I. \
	    --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches $(REPORT_C)

check:
	@tools/install-deps
	@test/run check

test:
	@tools/install-deps
	@test/run test

test-all:
	@tools/install-deps
	@test/run all

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/ring0 $(BUILD)/host $(BUILD)/guest $(BUILD)/fuzz $(BUILD)/fast -type f -name '*.d' 2>/dev/null)
