"""Make a gunicorn worker report its memory in use when it gets a signal."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys

SIGNAL = signal.SIGUSR2
FIGURES = (  # of glibc's mallinfo2, in bytes or as counts
    *("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks"),
    *("uordblks", "fordblks", "keepcost"),
)


class _MallInfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in FIGURES]


def post_worker_init(worker):
    """Install the signal handler; gunicorn calls this hook."""
    signal.signal(SIGNAL, _report)


def _report(*_):
    gc.collect()  # Python waits until cycles are a quarter of all other objects
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = _MallInfo
    info = mallinfo()
    figures = {
        "pid": os.getpid(),
        "kilobytes": (info.uordblks + info.hblkhd) // 1024,  # without free memory
        "blocks": sys.getallocatedblocks(),  # Python's small blocks, up to 512 bytes
    }
    os.write(2, f"{json.dumps(figures)}\n".encode())
