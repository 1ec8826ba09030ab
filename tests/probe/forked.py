"""Runs scripts under the real agent, each in a fork of one process that has imported torch.

Importing torch takes most of a short script's time. ``forked.py SCRIPT...`` prints one line for each script:
its path, a tab, and the agent's result as the protocol writes it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

PROBE = Path(__file__).parents[2] / "server" / "trainlint" / "probe"


def main(runs: list[str]) -> None:
    spec = ModuleSpec("_trainlint_probe", None, is_package=True)
    spec.submodule_search_locations = [str(PROBE)]
    sys.modules["_trainlint_probe"] = importlib.util.module_from_spec(spec)
    import torch
    import torch._dynamo
    from _trainlint_probe import protocol

    torch.set_num_threads(1)
    for each in runs:
        fields = json.loads(each)
        print(run(fields.pop("cwd"), protocol.Run(**fields), protocol).decode(), end="", flush=True)


def run(cwd: str, request: Any, protocol: Any) -> bytes:
    agent_reads, we_write = os.pipe()
    we_read, agent_writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(we_write)
        os.close(we_read)
        os.chdir(cwd)
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(quiet, stream)
        from _trainlint_probe.agent import session

        session.main(agent_reads, agent_writes)
        os._exit(70)
    os.close(agent_reads)
    os.close(agent_writes)
    os.write(we_write, protocol.encode(request))
    answer = b"none\n"
    with os.fdopen(we_read, "rb") as lines:
        for line in lines:
            if protocol.split(line)[0] == "result":
                answer = line
    os.waitpid(child, 0)
    os.close(we_write)
    return answer


if __name__ == "__main__":
    main(sys.argv[1:])
