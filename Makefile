# SPDX-License-Identifier: BSD-2-Clause
#
# make           build/exeunt.elf (and build/exeunt.lst), the micro-guests
# make run       boot Debian Linux under Exeunt in Bochs, print the exit report
#                MODEL=corei7_haswell_4770 KERNEL=vmlinuz INITRD=initrd.gz CMDLINE="..." OPTIONS="trap=none"
#                CPUS=1 MEMORY=512 (MiB) TIMEOUT=600 (seconds) DISK=image BARE=1 (without Exeunt)
# make fuzz      SECONDS=60: the libFuzzer targets and the comparison with libzydis; make nightly: the long proofs
# make test      every test; make check: the fast host part; make test-all: every combination
# make iso       build/exeunt.iso for BIOS and UEFI: dd it to a USB stick
# make deps      install the Debian packages that are missing
# make bench     the benchmarks (docs/BENCHMARKS.md): WORKLOADS="cpuid msr" ENGINES="interp" TIMING="on off" MODEL=...
#                make bench-record: test/bench/expected.tsv anew; make bench-host: emul/ in nanoseconds on this CPU
# make switched  build/switched/exeunt.elf, in which a test can switch checks off (lib/test_switch.h)
# make size      lines per room, bytes of the image, memory owned

BUILD := build
CC ?= gcc
# V=1 shows the commands.
Q := $(if $(V),,@)
LD ?= ld
OBJCOPY ?= objcopy
OBJDUMP ?= objdump

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-unused-parameter
IMAGE_LIMIT := 163840 # bytes: SPEC 1.1

.PHONY: all iso run deps unit fuzz fuzz-corpus nightly proofs check format format-check lint test test-all clean guests linux size bench bench-record bench-host counted switched
.DELETE_ON_ERROR:
all: $(BUILD)/exeunt.elf guests

# ---- the hypervisor: ring 0 ----

RING0_C := $(filter-out %/offsets.c %_host.c,$(wildcard boot/*.c vmx/*.c emul/*.c cache/*.c ept/*.c lib/*.c))
RING0_S := $(wildcard boot/*.S vmx/*.S emul/*.S cache/*.S ept/*.S lib/*.S)
RING0_OBJS := $(RING0_C:%.c=$(BUILD)/ring0/%.o) $(RING0_S:%.S=$(BUILD)/ring0/%.S.o)
# Without the passes that GCC 12 runs for size too, though they make this code larger.
RING0_SMALL := -fno-jump-tables -fno-move-loop-invariants -fno-partial-inlining -fno-ipa-sra
RING0_OPTIMIZE := -Oz $(RING0_SMALL) -fno-caller-saves -fno-tree-loop-im -fno-if-conversion -fno-inline-functions-called-once -fno-tree-dominator-opts
RING0_FLAGS = -std=gnu11 $(RING0_OPTIMIZE) -g -ffunction-sections -fdata-sections -I. -I$(BUILD)/ring0 -ffreestanding -fno-pic -mno-red-zone \
               -mgeneral-regs-only -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
               -fno-strict-aliasing -malign-data=abi -ffile-prefix-map=$(CURDIR)/= $(WARN) $(RING0_EXTRA) -flto
OFFSETS := $(BUILD)/ring0/offsets.h

# The path of an exit is compiled for speed, all else for size (SPEC 1.1 bounds the image); nothing is padded.
HOT_C := vmx/exit.c vmx/exit_ept.c vmx/exit_io.c vmx/emulate.c emul/step.c emul/cached.c emul/quick_run.c \
         emul/interp_mov.c emul/device_mmio.c emul/device_pio.c
RING0_FAST := -O2 -mstringop-strategy=unrolled_loop -falign-functions=1 -falign-loops=1 -falign-jumps=1 -falign-labels=1
$(HOT_C:%.c=$(BUILD)/ring0/%.o): RING0_OPTIMIZE := $(RING0_FAST)
# What every exit may come by, but is not HOT_C: without the instructions that -Oz trades for bytes.
WARM_C := emul/access.c emul/decode.c emul/fetch.c emul/interp.c emul/interp_operand.c emul/interp_alu.c emul/interp_io.c \
          emul/interp_string.c emul/interp_run.c emul/device_apic.c emul/remember.c emul/guards.c emul/policy.c ept/ept_class.c \
          ept/window.c ept/guest_walk.c ept/walk_memo.c $(wildcard cache/*.c) vmx/event.c vmx/state.c vmx/exit_msr.c \
          vmx/exit_statistics.c vmx/exit_vmcall.c vmx/hypercall.c vmx/machine.c
$(WARM_C:%.c=$(BUILD)/ring0/%.o): RING0_OPTIMIZE := -Os $(RING0_SMALL)
# With a table for its leaves.
$(BUILD)/ring0/vmx/exit_cpuid.o $(BUILD)/ring0/vmx/cpuid_policy.o: RING0_OPTIMIZE := -Os -mstringop-strategy=unrolled_loop

# All constants go through it at start-up.
$(BUILD)/ring0/boot/unpack.o: RING0_OPTIMIZE := $(RING0_FAST)

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

# What is loaded (text, rodata, data), not the zeroed rest, has to stay below the limit.
$(BUILD)/exeunt.elf: $(RING0_OBJS) linker.ld tools/pack-constants
	@echo "  ld $@"
	$(Q)$(CC) $(RING0_FLAGS) -flto-partition=one -nostdlib -static -no-pie -Wl,--gc-sections,-z,max-page-size=0x1000,--build-id=none \
	    -T linker.ld -o $@.new $(RING0_OBJS)
	@tools/pack-constants $@.new
	@bytes=$$(size $@.new | awk 'NR == 2 {print $$1 + $$2}'); \
	 echo "image: $$bytes of $(IMAGE_LIMIT) bytes"; \
	 [ $$bytes -le $(IMAGE_LIMIT) ] || { echo "image: larger than SPEC 1.1 allows" >&2; exit 1; }
	@grub-file --is-x86-multiboot2 $@.new || { echo "$@: not a Multiboot2 image" >&2; exit 1; }
	@$(OBJDUMP) -d $@.new >$(BUILD)/exeunt.lst
	@mv $@.new $@

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
        $(wildcard vmx/caps.c vmx/cpuid_policy.c vmx/exit_reasons.c vmx/vmcs_fields.c vmx/report.c vmx/task_switch.c vmx/control_registers.c vmx/event.c vmx/mtrr.c) \
        $(wildcard lib/format.c lib/page_pool.c lib/statistics.c lib/json.c lib/string_host.c \
                     lib/console.c lib/console_uart.c lib/console_vga.c lib/print.c lib/counters.c lib/text_queue.c \
                     vmx/exit_statistics.c vmx/hypercall.c)

HOST_FLAGS := -std=gnu11 -g -O1 -I. -DEXEUNT_HOST -fsanitize=address,undefined -fno-sanitize-recover=undefined $(WARN)
PURE_S := $(wildcard emul/*.S)
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
	$(Q)$(CC) $(HOST_FLAGS) -MMD -MP $< $(BUILD)/host/libexeunt.a -lcmocka -o $@

# With a trampoline for translated code, and functions around the product's (test/fuzz/cluster_*.h: __wrap_).
CLUSTER_S := $(BUILD)/host/test/fuzz/cluster_run.S.o
CLUSTER_WRAPPED := guest_walk $(addprefix interp_,shift shift_double bit_scan bit_count multiply)
CLUSTER_LINK := $(CLUSTER_S) $(CLUSTER_WRAPPED:%=-Wl,--wrap=%)

$(BUILD)/host/test_translate: test/unit/test_translate.c $(BUILD)/host/libexeunt.a $(CLUSTER_S)
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(CC) $(HOST_FLAGS) -MMD -MP $< $(CLUSTER_LINK) $(BUILD)/host/libexeunt.a -lcmocka -o $@

# ---- boot images and runs ----

deps:
	@tools/install-deps

linux: $(BUILD)/linux/vmlinuz $(BUILD)/linux/initrd.gz

$(BUILD)/linux/vmlinuz $(BUILD)/linux/initrd.gz &: tools/linux-guest tools/linux-init test/linux/cpuid-sum.c
	tools/linux-guest $(BUILD)/linux

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
	@$(MAKE) BUILD=$(BUILD)/counted RING0_EXTRA=-DCOUNT_VMX_OPS IMAGE_LIMIT=262144 $(BUILD)/counted/exeunt.elf

# The image in which a guest can switch checks off (lib/test_switch.h): only to show that its tests would notice.
switched:
	@$(MAKE) BUILD=$(BUILD)/switched RING0_EXTRA=-DEXEUNT_TEST_SWITCHES IMAGE_LIMIT=180224 $(BUILD)/switched/exeunt.elf

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

SOURCES := $(wildcard boot/*.[ch] vmx/*.[ch] emul/*.[ch] cache/*.[ch] ept/*.[ch] lib/*.[ch] tools/*/*.[ch] \
                      test/unit/*.[ch] test/guest/*/*.[ch] test/fuzz/*.[ch] test/bench/*.[ch] test/linux/*.[ch])

format:
	@clang-format -i $(SOURCES)

format-check:
	@clang-format --dry-run --Werror $(SOURCES)

# interp_move.c: cppcheck does not see that the body of do-while always runs.
lint:
	@cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr -I. -DEXEUNT_HOST \
	    --suppress=missingIncludeSystem --suppress=unusedFunction --suppress=uninitvar:emul/interp_move.c --suppress=normalCheckLevelMaxBranches $(PURE)

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
