# SPDX-License-Identifier: BSD-2-Clause
"""The rungs of SPEC 4 as tools/bench has them: an engine's name, or `cluster/FLOW` where another flow than the default is
asked for."""
import json
import re

LADDER = ["interp", "decode", "translate", "cluster"]
FLOWS = ["straight", "forward", "loops", "traces"]  # SPEC 6.4, 6.7, each with more than the one before


def options(engine):
    """What Exeunt is told."""
    name, _, flow = engine.partition("/")
    return f"engine={name}" + (f" flow={flow}" if flow else "")


def file_name(engine):
    return engine.replace("/", "-")


def boot_line(text):
    """The fields of the JSON line `boot`."""
    for line in re.findall(r"^exeunt-json: (\{.*\})$", text, re.M):
        fields = json.loads(line)
        if fields.get("type") == "boot":
            return fields
    return {}


def in_force(text, engine):
    """What the boot that was asked for `engine` uses, in the same words."""
    fields = boot_line(text)
    flow = f"/{fields.get('flow')}" if "/" in engine else ""
    return f"{fields.get('engine')}{flow}"


def built(text):
    """The rungs of a build, from the boot line with engine=cluster and no flow: up to the engine and flow named there."""
    fields = boot_line(text)
    top, flow = fields.get("engine"), fields.get("flow")
    if top not in LADDER:
        raise ValueError(f"the JSON line boot names engine {top}")
    flows = FLOWS[:FLOWS.index(flow)] if top == "cluster" and flow in FLOWS else []
    rungs = LADDER[:LADDER.index(top) + 1]
    return [r for r in rungs if r != "cluster"] + [f"cluster/{f}" for f in flows] + [r for r in rungs if r == "cluster"]
