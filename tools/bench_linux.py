# SPDX-License-Identifier: BSD-2-Clause
"""The workloads of tools/bench that need Linux."""

WORKLOADS = []


def boots(workloads, engine, timing, out):
    return []


def build(out, must):
    pass
