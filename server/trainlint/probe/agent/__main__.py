"""``agent/__main__.py probe`` talks on the standard streams, ``agent/__main__.py watch IN OUT`` on two
descriptors.

Started by its path, so that nothing of trainlint has to be installed where the user's script runs. The
package around this folder gets a private name: its other parts need a newer Python and libraries that may be
missing here.
"""

from __future__ import annotations

import os
import sys


def _bootstrap() -> None:
    import importlib.machinery
    import importlib.util

    folder = os.path.dirname(os.path.abspath(__file__))
    probe = os.path.dirname(folder)
    if sys.path and os.path.abspath(sys.path[0]) == folder:
        del sys.path[0]
    spec = importlib.machinery.ModuleSpec("_trainlint_probe", None, is_package=True)
    spec.submodule_search_locations = [probe]
    sys.modules["_trainlint_probe"] = importlib.util.module_from_spec(spec)


def _main() -> None:
    _bootstrap()
    from _trainlint_probe.agent import channel, session  # type: ignore[import-not-found]

    if sys.argv[1] == "probe":
        session.main(*channel.take_standard_streams())
    else:
        session.main(*channel.take_handles(int(sys.argv[2]), int(sys.argv[3])))


if __name__ == "__main__":
    _main()
