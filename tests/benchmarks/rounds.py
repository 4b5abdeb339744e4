"""Measure CPU time in interleaved rounds, and print medians and ratios."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from statistics import median

MICROSECONDS = 1e6


def measure(calls, *, rounds, number, around=None):
    """
    Return the CPU seconds of one call, for each name a list with one entry per round.

    The order is reversed in every second round. So a change in the machine's load affects
    all calls.

    :param number: calls of one function in a round, after a first one without a clock.
    :param around: name -> a function that returns a context manager for the round.
    """
    around = around or {}
    times = {name: [] for name in calls}
    for turn in range(rounds):
        for name in list(calls)[:: -1 if turn % 2 else 1]:
            with around.get(name, nullcontext)():
                calls[name]()
                times[name].append(_seconds(calls[name], number))
    return times


def _seconds(call, number):
    start = time.process_time()
    for _ in range(number):
        call()
    return (time.process_time() - start) / number


def ratio(times, unit):
    """Return the median of the ratios in each round."""
    return median(time / one for time, one in zip(times, unit, strict=True))


class AtMost(float):
    """A goal for a ratio."""

    def __str__(self):
        return f"at most {self:g}"

    def is_met(self, share):
        return share <= self


class AtLeast(float):
    """A goal for a ratio."""

    def __str__(self):
        return f"at least {self:g}"

    def is_met(self, share):
        return share >= self


def show_times(title, times, unit, goals):
    """Print the ratio of each to ``unit``, and its median."""
    say(f"\n{title}")
    for name, each in times.items():
        show_share(ratio(each, times[unit]), median(each), name, goals.get(name))


def show_share(share, seconds, name, goal=None):
    """Print a ratio, the CPU time of its first part, and whether the goal is met."""
    result = f" ({goal}: {'met' if goal.is_met(share) else 'missed'})" if goal else ""
    say(f"{share:9.2f} {seconds * MICROSECONDS:9,.0f} µs  {name}{result}")


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
