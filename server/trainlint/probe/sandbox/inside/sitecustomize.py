"""Found first on PYTHONPATH by every Python interpreter in a sandbox, before any code of the user's.

Standard library only, for any Python from 3.8 on. Steps aside afterwards: this directory leaves the search
path, and the `sitecustomize` that would have run without it runs.
"""

import importlib
import importlib.machinery
import importlib.util
import os
import sys


def _begin() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    try:
        importlib.import_module("trainlint_inside").begin()
    except BaseException:
        # `site` would report this and carry on, with nothing between the script and the files.
        sys.excepthook(*sys.exc_info())
        sys.stderr.write("trainlint: the sandbox could not be set up in this interpreter\n")
        sys.stderr.flush()
        os._exit(70)
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


_begin()
