# SPDX-License-Identifier: BSD-2-Clause
"""What tools/bench makes of its raw figures: the metrics of SPEC 10, and the table for people."""

# SPEC table 11.1: cycles of one exit and resume. The nested ones are what an outer hypervisor makes of it.
ROUND_TRIPS = {
    "Prescott": 3963, "Merom": 1579, "Penryn": 1266, "Nehalem": 1009, "Westmere": 761, "SandyBridge": 784,
    "VMware8-nested": 9794, "KVM-SkylakeSP-nested": 6450, "KVM-IceLakeSP-nested": 8800,
    "KVM-EmeraldRapids-nested": 7700,
}
VMX_OPS = {"vmreads": "vmreads_per_exit", "vmwrites": "vmwrites_per_exit", "msrs": "msrs_per_exit",
           "flushes": "flushes_per_exit"}


def number(value):
    """Shortest text that keeps four decimals."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


def per(figure, key):
    return figure[key] / figure["ops"]


# Here time passes at a device's pace: the difference to bare says nothing of an exit, Exeunt's own account is used.
PACED = ("serial-console", "find", "idle", "e1000-rr", "linux-boot", "linux-boot-notrap")


def baseline(engines):
    """What avoided_pct is measured against: `decode` (SPEC 10), or what the build has instead."""
    return "decode" if "decode" in engines else "interp" if "interp" in engines else None


def of_engine(raw, workload, engine):
    """Metrics of one workload on one engine, in order."""
    bare = raw.get((workload, "bare", "bare"))
    on, off = raw.get((workload, engine, "on")), raw.get((workload, engine, "off"))
    counted = raw.get((workload, engine, "counted"))
    out = []
    for figure, suffix in ((on, ""), (off, "_untimed")):
        if figure:
            out.append(("ticks_per_op" + suffix, per(figure, "ticks")))
            if bare:
                out.append(("against_bare_pct" + suffix, 100 * (per(figure, "ticks") / per(bare, "ticks") - 1)))
            if "ticks_sd" in figure:
                out.append(("ticks_sd" + suffix, figure["ticks_sd"]))
    some = on or off
    if some and "exits" in some:
        out.append(("exits_per_op", per(some, "exits")))
    if some and some.get("hits", 0) + some.get("misses", 0):
        out.append(("hit_pct", 100 * some["hits"] / (some["hits"] + some["misses"])))
        out.append(("invalidations_per_op", per(some, "invalidations")))
    if workload in PACED and on and on.get("exits"):
        out.append(("vmm_ticks_per_exit", on["vmm"] / on["exits"]))
    for figure, suffix in ((on, ""), (off, "_untimed")):
        if workload not in PACED and figure and bare and figure.get("exits"):
            extra = per(figure, "ticks") - per(bare, "ticks")
            out.append(("vmm_ticks_per_exit" + suffix, extra * figure["ops"] / figure["exits"]))
    if counted and counted.get("exits"):
        split = [(name, counted[key] / counted["exits"]) for key, name in VMX_OPS.items()]
        out.append(("vmx_ops_per_exit", sum(value for _, value in split)))
        out += split
    return out


def compared(raw, workload, engine, base):
    """Metrics that compare an engine with another: avoided exits, and the model."""
    out = []
    some = [(e, raw.get((workload, e, "on")) or raw.get((workload, e, "off"))) for e in (engine, base)]
    ours, theirs = some[0][1], some[1][1]
    if not ours or not theirs or "exits" not in ours or not theirs["exits"]:
        return out
    out.append(("avoided_pct", 100 * (1 - per(ours, "exits") / per(theirs, "exits"))))
    for name, cycles in ROUND_TRIPS.items():
        cost, base_cost = (per(f, "ticks") + per(f, "exits") * cycles for f in (ours, theirs))
        out.append((f"model_cycles_per_op:{name}", cost))
        out.append((f"model_speedup:{name}", base_cost / cost))
    return out


def rows(raw, workloads, engines):
    """[(workload, engine, metric, value as text)]"""
    out = []
    base = baseline(engines)
    for workload in workloads:
        bare = raw.get((workload, "bare", "bare"))
        if bare:
            out.append((workload, "bare", "ticks_per_op", number(per(bare, "ticks"))))
            out += [(workload, "bare", "ticks_sd", number(bare["ticks_sd"]))] if "ticks_sd" in bare else []
        for engine in engines:
            found = of_engine(raw, workload, engine) + compared(raw, workload, engine, base)
            out += [(workload, engine, metric, number(value)) for metric, value in found]
    return out


# ---- for people ----

COLUMNS = [
    ("ticks/op", "ticks_per_op"), ("untimed", "ticks_per_op_untimed"), ("exits/op", "exits_per_op"),
    ("vmm/exit", "vmm_ticks_per_exit"), ("untimed", "vmm_ticks_per_exit_untimed"), ("vmx ops/exit", "vmx_ops_per_exit"),
    ("avoided %", "avoided_pct"), ("model SNB x", "model_speedup:SandyBridge"),
    ("model nested x", "model_speedup:KVM-SkylakeSP-nested"),
]


def cell(value):
    if value is None:
        return "-"
    v = float(value)
    return f"{v:.0f}" if abs(v) >= 100000 else f"{v:.1f}" if abs(v) >= 100 else f"{v:.2f}"


def cells(all_rows):
    """(header, lines) of cells; one line per workload and engine"""
    values = {(w, e, m): v for w, e, m, v in all_rows}
    pairs = list(dict.fromkeys((w, e) for w, e, _, _ in all_rows))
    lines = [[w, e] + [cell(values.get((w, e, m))) for _, m in COLUMNS] for w, e in pairs]
    return ["workload", "engine"] + [title for title, _ in COLUMNS], lines


def table(all_rows):
    header, lines = cells(all_rows)
    widths = [max(len(line[i]) for line in [header] + lines) for i in range(len(header))]
    return "\n".join("  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths)))
                     for line in [header] + lines)
