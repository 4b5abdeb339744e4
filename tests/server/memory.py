"""What a worker of gunicorn says, when it is asked how much memory it has in use."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys

SIGNAL = signal.SIGUSR2
FIGURES = (  # of glibc's mallinfo2, each in bytes or in pieces
    *("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks"),
    *("uordblks", "fordblks", "keepcost"),
)


class _MallInfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in FIGURES]


def post_worker_init(worker):
    """Listen for the signal: a hook of gunicorn."""
    signal.signal(SIGNAL, _say)


def _say(*_):
    gc.collect()  # cycles wait until there are a quarter as many of them as of the rest
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = _MallInfo
    found = mallinfo()
    said = {
        "pid": os.getpid(),
        "kilobytes": (found.uordblks + found.hblkhd) // 1024,  # not what is free
        "blocks": sys.getallocatedblocks(),  # Python's own, of up to 512 bytes
    }
    os.write(2, f"{json.dumps(said)}\n".encode())
