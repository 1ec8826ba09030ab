"""`old_kernel.py VERSION COMMAND...` runs the command at level 2 as on a kernel with that version of
Landlock.
"""

from __future__ import annotations

import os
import sys

from trainlint.probe.sandbox import Level, Limits, choose, landlock
from trainlint.probe.sandbox.order import Order
from trainlint.probe.sandbox.supervisor import Supervisor


def main() -> None:
    base = choose(Level.FENCE).scratch_base
    version = int(sys.argv[1])
    landlock.abi = lambda: version
    order = Order(
        argv=tuple(sys.argv[2:]),
        cwd=os.getcwd(),
        env=dict(os.environ),
        level=Level.FENCE,
        base=base,
        scratch_in_memory=False,
        limits=Limits(wall_s=100),
        network=False,
        pass_fds=(),
        wanted=(),
    )
    life, _held = os.pipe()
    Supervisor(order, life, os.dup(2)).run()


if __name__ == "__main__":
    main()
