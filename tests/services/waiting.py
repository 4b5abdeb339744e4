"""Wait for what another thread or process does."""

from __future__ import annotations

import time


def wait_until(condition, seconds=30):
    """Call the condition until it is true; fail after this time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"Not true after {seconds} seconds."
        time.sleep(0.01)
