# SPDX-License-Identifier: BSD-2-Clause
"""The last report of a boot of build/traced/exeunt.elf, computed a second time from the times that it was made of.

vmx/exit_trace.h says what a record is. Nothing of Exeunt's arithmetic is used here: percentiles are taken from the sorted
times, averages and deviations from fractions and 60 decimal digits.
"""
import decimal
import json
import math
import re
import struct

START, TIME = 0xf5, 0xf7
RECORD = struct.Struct("<BQQ")
TALLY = 64  # bytes of struct tally
GUEST = "TIMEINGUEST"


def row_names():
    """Of vmx/exit_reasons.def, then those of enum exit_row."""
    with open("vmx/exit_reasons.def", encoding="ascii") as f:
        reasons = {int(n): name for n, name in re.findall(r"^EXIT\((\d+), (\w+)\)", f.read(), re.M)}
    with open("vmx/exit_rows.h", encoding="ascii") as f:
        own = re.findall(r"^    ROW_(\w+)\b", f.read().split("enum exit_row {")[1].split("};")[0], re.M)
    return reasons, own[:own.index("COUNT")]


def series(records):
    """{row: [ticks, ...]} since counting last started."""
    reasons, own = row_names()
    at = records.find(bytes([START]))
    times, names, count = {}, {}, 0
    while 0 <= at <= len(records) - RECORD.size:
        kind, tally, value = RECORD.unpack_from(records, at)
        at += RECORD.size
        if kind == START:
            rows = (value - tally) // TALLY
            first_own = rows - len(own)
            names = {tally + TALLY * n: reasons.get(n, str(n)) for n in range(first_own)}
            names.update({tally + TALLY * (first_own + n): name for n, name in enumerate(own)})
            names[value] = GUEST
            times, count = {}, 0
        elif kind == TIME:
            times.setdefault(names[tally], []).append(value)
            count += 1
        else:
            break  # Bochs's last words
    return times, count


def rounded(value, digits):
    return value.quantize(decimal.Decimal(1).scaleb(-digits), rounding=decimal.ROUND_HALF_UP)


def row_errors(row, times, total):
    """What of a JSON line is not so."""
    n, ticks = len(times), sum(times)
    mean = decimal.Decimal(ticks) / n
    variance = sum((decimal.Decimal(t) - mean) ** 2 for t in times) / n
    wanted = {"count": n, "min": min(times), "max": max(times), "sum": ticks,
              "avg": rounded(mean, 4), "stddev": rounded(variance.sqrt(), 4),
              "pct": rounded(decimal.Decimal(100) * ticks / total, 2)}
    wrong = [f"{row['name']}: {key} is {row[key]}, not {value}" for key, value in wanted.items()
             if decimal.Decimal(str(row[key])) != value]
    for percent in (50, 90, 99):
        exact = sorted(times)[math.ceil(n * percent / 100) - 1]
        said = row[f"p{percent}"]
        if not exact <= said <= max(exact + exact // 4 + 1, exact):
            wrong.append(f"{row['name']}: p{percent} is {said}; {percent} % take at most {exact}")
    return wrong


def last_report(log):
    lines = re.findall(r"^exeunt-json: (\{.*\})\r?$", log[log.rindex('exeunt-json: {"type":"summary"'):], re.M)
    objects = [json.loads(line, parse_float=decimal.Decimal) for line in lines]
    return objects[0], [o for o in objects if o["type"] in ("exit", "time")]


def check(log, records, least):
    """What is wrong, in lines; `least` times must have been told."""
    decimal.getcontext().prec = 60
    times, count = series(records)
    summary, rows = last_report(log)
    if count < least:
        return [f"only {count} times were told"]
    total = sum(sum(t) for t in times.values())
    wrong = []
    if total != summary["tsc_total"] or sum(times.get(GUEST, [])) != summary["tsc_guest"]:
        wrong.append(f"{total} ticks in all, {sum(times.get(GUEST, []))} in the guest: {summary}")
    if {row["name"] for row in rows} != set(times):
        wrong.append(f"rows {sorted(row['name'] for row in rows)}, not {sorted(times)}")
    for row in rows:
        if row["name"] in times:
            wrong += row_errors(row, times[row["name"]], total)
    return wrong
