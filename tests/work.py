"""Count the function calls of a call: the same in each run and on each machine."""

from __future__ import annotations

from collections import Counter
from cProfile import Profile


def count_calls(function, *args, **kwargs):
    """Return the result and the number of calls of each function, in Python and C."""
    with Profile() as profile:
        result = function(*args, **kwargs)
    calls = Counter()
    for entry in profile.getstats():
        calls[getattr(entry.code, "co_name", entry.code)] += entry.callcount
    return result, calls
