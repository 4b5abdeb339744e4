"""Print figures of tests at the end of a run, also with several processes."""

from __future__ import annotations

import pytest

NAME = "figures"


@pytest.fixture
def show(record_property):
    """Print these lines at the end of the run."""
    return lambda lines: record_property(NAME, list(lines))


def pytest_terminal_summary(terminalreporter):
    figures = [
        lines
        for report in terminalreporter.getreports("passed")
        for name, lines in report.user_properties
        if name == NAME
    ]
    if figures:
        terminalreporter.section("figures")
    for lines in figures:
        terminalreporter.write_line("\n    ".join(["", *lines]))
