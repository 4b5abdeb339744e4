"""Check that the lowest version of each requirement is the one that is installed."""

from __future__ import annotations

import sys
from importlib.metadata import distribution

from advisories import NAME, lowest
from packaging.version import Version


def main() -> None:
    for name, floor in lowest(NAME).items():
        installed = distribution(name).version
        sys.stdout.write(f"{name} {installed}\n")
        if Version(installed) != Version(floor):
            sys.exit(f"The lowest allowed version of {name} is {floor}.")


if __name__ == "__main__":
    main()
