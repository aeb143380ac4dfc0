# SPDX-License-Identifier: BSD-2-Clause
"""The workloads of tools/bench that need Linux: its boot, and the phases of test/linux/phases."""
import os
import re
import shutil
import statistics
import subprocess

import bench_engines

# Ops of a phase, as test/linux/phases has them.
PHASES = {"cpu": 2, "mem": 16, "encode": 8, "find": 4, "idle": 1, "storm": 100}
CARD_PHASES = {"e1000-rr": 4000}  # with a network card, and the kernel that has its driver, in a boot of their own
OPS = {**PHASES, **CARD_PHASES}
BOOTS = {"linux-boot": "", "linux-boot-notrap": "trap=none"}
WORKLOADS = list(BOOTS) + list(OPS)
CARD = "0xc1020000"  # where Bochs's firmware puts the card's registers; the guest fails where that is not so
CARD_TRAP = f"trap=pio,apic,mmio:{CARD}+0x20000"

# The same work bare and under Exeunt: see README, "Figures". The TSC's rate is that of Bochs (tools/run-bochs, ips=), not what
# the model's CPUID leaf 15H says of the real CPU.
CMDLINE = "console=ttyS0,115200 lapic=notscdeadline tsc_early_khz=100000 mitigations=off nokaslr guest.tests=none"
ENTRY = "0x1000000"  # of Debian's kernel, where GRUB puts it
JIFFY_LETTERS = 23  # of the command line, printed twice at 115,200 baud, in the 4 ms of Debian's HZ
TIME0 = "1700000000"  # the kernel reads the real-time clock, and waits for it


class Failure(Exception):
    pass


def pads():
    """
    The letters at the end of the kernel's command line of each boot for BOOTS. What waits in a boot waits for the next
    timer interrupt: the letters, which the console prints, put it off, evenly over the time from one to the next.
    """
    value = os.environ.get("BOOTS") or "1"
    if not re.fullmatch("[1-9][0-9]?", value):
        raise Failure("BOOTS is 1 to 99")
    boots = int(value)
    return [i * JIFFY_LETTERS // boots for i in range(boots)]


def kernel(workload):
    """The directory of build/ that has its kernel."""
    return "linux-standard" if workload in CARD_PHASES else "linux"


def build(out, must, workloads):
    """The kernels, and their initramfs with /bench in a second archive behind the first."""
    tree = f"{out}/initrd.tree"
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(f"{tree}/bench")
    must(["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-nostdlib", "-ffreestanding",
          "-fno-stack-protector", "-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-fno-pie", "-no-pie", "-s",
          "-I.", "-Wl,--build-id=none", "-o", f"{tree}/bench/mark", "test/linux/mark.c"])
    shutil.copy("test/linux/phases", f"{tree}/bench/phases")
    must(["sh", "-c", f"cd {tree} && find bench | LC_ALL=C sort | cpio -o -H newc --quiet --owner=0:0 --reproducible | "
          "gzip -9n >../more.gz"])
    for linux in {kernel(w) for w in workloads if w in WORKLOADS}:
        must(["make", "-s", f"build/{linux}/vmlinuz"])
        os.makedirs(f"{out}/{linux}", exist_ok=True)
        shutil.copy(f"build/{linux}/vmlinuz", f"{out}/{linux}/vmlinuz")
        with open(f"{out}/{linux}/initrd.gz", "wb") as f:
            for part in (f"build/{linux}/initrd.gz", f"{out}/more.gz"):
                with open(part, "rb") as g:
                    f.write(g.read())
    with open(f"{out}/disk", "wb") as f:  # 16 MiB that say where they are
        for block in range(4096):
            f.write(block.to_bytes(4, "little") * 1024)


def means(some):
    """Of the figures of several boots, and how far their ticks are apart."""
    figures = {key: statistics.mean(one[key] for one in some) for key in some[0]}
    if len(some) > 1:
        figures["ticks_sd"] = statistics.stdev(one["ticks"] for one in some) / figures["ops"]
    return figures


class Boot:
    """One boot of Linux: engine None is bare."""

    def __init__(self, out, boots_as, phases, engine, timing, options="", sites=False):
        """boots_as: the workloads that this boot is as a whole, or none and it is for its phases; sites: for report()"""
        self.out, self.boots_as, self.phases, self.engine, self.timing = out, boots_as, phases, engine, timing
        self.options, self.sites = options, sites
        self.card = any(p in CARD_PHASES for p in phases)
        name = boots_as[0] if boots_as else "linux-card" if self.card else "linux-phases"
        self.name = "-".join([name] + ([bench_engines.file_name(engine), timing] if engine else ["bare"])
                             + (["sites"] if sites else []))

    def grub(self, pad):
        cmdline = f"{CMDLINE} guest.bench={','.join(self.phases) or 'none'}"
        cmdline += " " + "x" * pad if pad else ""
        cmdline += f" guest.card={CARD}" if self.card else ""
        cmdline += " guest.sites=yes" if self.sites else ""
        if not self.engine:
            return [f"linux /boot/vmlinuz {cmdline}", "initrd /boot/initrd.gz"]
        # Without a console the report, which is formatted all the same, waits for no serial line: bare has none.
        console = "console=com1,115200 report=none" if self.sites else "console=none"
        options = f"{console} hypercall=user {bench_engines.options(self.engine)} timing={self.timing}"
        traps = [CARD_TRAP] if self.card else [BOOTS[w] for w in self.boots_as]
        options += "".join(" " + word for word in [self.options] + traps)
        return [f"multiboot2 /boot/exeunt.elf {options}", f"module2 /boot/vmlinuz {cmdline}", "module2 /boot/initrd.gz"]

    def boot(self, model, pad=0):
        """(what COM1 said, ticks from the kernel's first instruction to power-off); pad: letters that say nothing"""
        base = f"{self.out}/{self.name}"
        os.makedirs(base, exist_ok=True)
        with open(f"{base}/grub.cfg", "w", encoding="ascii") as f:
            f.write("set timeout=0\n" + "\n".join(self.grub(pad)) + "\nboot\n")
        linux = kernel((self.boots_as + self.phases)[0])
        files = [f"{self.out}/{f}" for f in ("exeunt.elf", f"{linux}/vmlinuz", f"{linux}/initrd.gz")]
        p = subprocess.run(["tools/mkimage", "single", f"{base}/cd.iso", f"{base}/grub.cfg"] + files,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if p.returncode:
            raise Failure(p.stdout.decode(errors="replace"))
        shutil.copy(f"{self.out}/disk", f"{base}/disk")
        # Under Exeunt from the first exit, which is a CPUID some hundred instructions behind the kernel's entry.
        begin = "vmexit" if self.engine else ENTRY
        p = subprocess.run(["tools/run-bochs", "-q", "-t", "900", "-m", model, "-d", f"{base}/disk", "-T", TIME0,
                            "-b", begin, "-o", f"{base}/com1", "-l", f"{base}/log", f"{base}/cd.iso"]
                           + (["-n"] if self.card else []),
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
        for name in ("cd.iso", "disk"):
            os.remove(f"{base}/{name}")
        said = p.stdout.decode(errors="replace")
        with open(f"{base}/com1", encoding="ascii", errors="replace") as f:
            text = f.read().replace("\r", "")
        span = re.search(r"ticks (\d+) wall \S+ begin (\d+)", said)
        if p.returncode or not span or "FAILED" in text:
            raise Failure(f"{self.name}: {said.strip()}\n{text[-800:]}")
        return text, int(span.group(1)) - int(span.group(2))

    def run(self, model):
        """{workload: {"ops": n, "ticks": n, ...}}"""
        some = [self.once(model, pad) for pad in pads()]
        return {workload: means([one[workload] for one in some]) for workload in some[0]}

    def once(self, model, pad):
        marks, ticks = self.marks(model, pad)
        if not self.boots_as:
            return {phase: self.phase(phase, marks) for phase in self.phases}
        figures = {"ticks": ticks, **{key: value for key, value in marks["end"].items() if key != "tsc"}}
        return {workload: {"ops": 1, **figures} for workload in self.boots_as}

    def marks(self, model, pad):
        """({mark: {key: number}}, ticks) of one boot"""
        text, ticks = self.boot(model, pad)
        marks = {}
        for line in re.findall(r"^MARK (.*) ok$", text, re.M):
            name, *pairs = line.split()
            marks[name] = {key: int(value) for key, value in (pair.split("=") for pair in pairs)}
        if "end" not in marks:
            raise Failure(f"{self.name}: no marks\n{text[-800:]}")
        return marks, ticks

    def report(self, model, must):
        """What build/exeunt-report says of each phase."""
        self.boot(model)
        command = ["build/exeunt-report", "--width", "0", "--report"]
        return "\n".join(f"== {phase}, {self.engine}\n" + must(command + [str(n + 1), f"{self.out}/{self.name}/com1"])
                         for n, phase in enumerate(self.phases))

    def phase(self, name, marks):
        if f"{name}-begin" not in marks or f"{name}-end" not in marks:
            raise Failure(f"{self.name}: no marks for {name}")
        begin, end = marks[f"{name}-begin"], marks[f"{name}-end"]
        figure = {key: end[key] - begin[key] for key in end}
        figure["ticks"] = figure.pop("tsc")
        return {"ops": OPS[name], **figure}


def boots(workloads, engine, timing, out, options="", sites=False):
    """The boots that these workloads need; the phases share one, those with a card another."""
    whole, phases, card_phases = ([w for w in workloads if w in there] for there in (BOOTS, PHASES, CARD_PHASES))
    # Bare there is nothing to trap: one boot serves all.
    some = []
    if whole:
        some = [Boot(out, [w], [], engine, timing, options) for w in whole] if engine else [Boot(out, whole, [], None, timing)]
    return some + [Boot(out, [], shared, engine, timing, options, sites) for shared in (phases, card_phases) if shared]
