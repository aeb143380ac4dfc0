# SPDX-License-Identifier: BSD-2-Clause
"""Holds a serial log, byte by byte, against what guest and Exeunt must have sent on one line (SPEC 8.5).

Every line is whole: one of Exeunt's, whose JSON parses, or one of the guest's, complete and in order.
Every report is complete: its exit lines add up to its exits.
"""
import hashlib
import json
import re

LENGTHS = 200  # of test/guest/console, as LINES
LINES = 300


class Torn(Exception):
    pass


def guest_line(number):
    """As make_line() of test/guest/console has it."""
    length = number * 73 % LENGTHS
    body = "".join(chr(33 + (number * 31 + i * 7) % 94) for i in range(length))
    return f"L {number:05} {length:03} {body}"


def lines_of(log):
    text = log.decode("ascii", errors="replace")
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if re.search(r"[^\t -~]", line.removesuffix("\r")) or (is_exeunts(line) and not line.endswith("\r")):
            raise Torn(f"line {number} has bytes that nobody sent, or lacks some: {line!r}")
    return [line.removesuffix("\r") for line in lines[:-1]]


def exeunt_objects(lines):
    """The objects of Exeunt's JSON lines, in order."""
    objects = []
    for line in lines:
        if not line.startswith("exeunt-json: "):
            continue
        try:
            objects.append(json.loads(line.removeprefix("exeunt-json: ")))
        except ValueError:
            raise Torn(f"no JSON: {line}") from None
        if "type" not in objects[-1] or "error" in objects[-1]:
            raise Torn(f"an object that is not whole: {line}")
    return objects


def check_reports(objects, least):
    """Each begins with a summary; what its exits add up to is in it."""
    reports = []
    for thing in objects:
        if thing["type"] == "summary":
            reports.append([thing["exits"], 0])
        elif thing["type"] == "exit":
            reports[-1][1] += thing["count"]
    for number, (exits, rows) in enumerate(reports, 1):
        if exits != rows:
            raise Torn(f"report {number} has {exits} exits, {rows} in its rows")
    if len(reports) < least:
        raise Torn(f"{len(reports)} reports, not {least}")


def is_exeunts(line):
    return line.startswith(("exeunt: ", "exeunt-json: "))


def guests(log, begin, end):
    """What the guest sent between its lines `begin` and `end`; Exeunt's are taken out."""
    lines = [line for line in lines_of(log) if not is_exeunts(line)]
    if begin not in lines or end not in lines:
        raise Torn(f"no line is {begin!r}, or none {end!r}")
    return lines[lines.index(begin) + 1:lines.index(end)]


def check_flood(log, least):
    """test/guest/console, test=flood"""
    lines = lines_of(log)
    check_reports(exeunt_objects(lines), least)
    start = next((i for i, line in enumerate(lines) if line.startswith("exeunt")), 0)
    number = 0
    for line in lines[start:]:
        if is_exeunts(line) or not line or re.fullmatch(r"INFO sent \d+ lines|PASS console.done|DONE console(64)?", line):
            continue
        if line != guest_line(number):
            raise Torn(f"line {number} of the guest is\n{line}\nnot\n{guest_line(number)}")
        number += 1
    if number != LINES:
        raise Torn(f"{number} lines of the guest, not {LINES}")


def check_plain(log, least):
    check_reports(exeunt_objects(lines_of(log)), least)


def check_linux(log, least):
    """tools/linux-init, guest.tests=flood: the guest says the MD5 sum of what it is going to print."""
    check_reports(exeunt_objects(lines_of(log)), least)
    wanted = re.search(rb"guest: flood begins, md5 (\w+)\r", log)
    if not wanted:
        raise Torn("the flood did not begin")
    text = guests(log, wanted.group(0).decode().strip(), "guest: flood ends")
    if hashlib.md5("".join(line + "\n" for line in text).encode()).hexdigest() != wanted.group(1).decode():
        raise Torn(f"the guest's {len(text)} lines are not what it printed")


CHECKS = {"reports": check_plain, "flood": check_flood, "linux": check_linux}
