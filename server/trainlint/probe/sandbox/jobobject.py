"""Windows: a job object that this process and all it starts belong to, and that ends them when this process
ends.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _KILL_ON_CLOSE = 0x2000
    _EXTENDED_LIMITS = 9
    _FLAGS_OFFSET, _SIZE = (16, 144) if ctypes.sizeof(ctypes.c_void_p) == 8 else (16, 112)

    def end_with_this_process() -> None:
        """The job's only handle is never closed by us: the system closes it when this process ends, however
        it ends.
        """
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel32.CreateJobObjectW.restype = wintypes.HANDLE
        kernel32.GetCurrentProcess.restype = wintypes.HANDLE
        job = wintypes.HANDLE(kernel32.CreateJobObjectW(None, None))
        limits = ctypes.create_string_buffer(_SIZE)
        limits[_FLAGS_OFFSET : _FLAGS_OFFSET + 4] = _KILL_ON_CLOSE.to_bytes(4, "little")
        done = kernel32.SetInformationJobObject(job, _EXTENDED_LIMITS, limits, _SIZE)
        current = wintypes.HANDLE(kernel32.GetCurrentProcess())
        if not done or not kernel32.AssignProcessToJobObject(job, current):
            raise ctypes.WinError(ctypes.get_last_error())
