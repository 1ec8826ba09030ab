"""``python -m trainlint``, for interpreters whose scripts are not on the path."""

import sys

if __name__ == "__main__":
    # Python has put the working directory first on the import path, and a workspace may hold a `typing.py`.
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]
    from .cli import main

    sys.exit(main())
