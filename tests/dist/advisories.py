"""
Ask pip-audit about all that an installation of the package, extras and all, brings along,
and about the lowest version that each requirement of the package admits.

Where its service does not answer, or does not know a package, this is said, and what is
installed of that package has to be the newest release for this Python: an older one is
where known holes are.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib.metadata import distribution

from packaging.requirements import Requirement

NAME = "django-layer-identity"
EXTRAS = ("", "openapi", "phone", "pkcs11")


def installed(name, found, extras=("", "crypto")):
    """Add the package's requirements, and theirs, to what was found: name -> version."""
    for text in distribution(name).requires or []:
        requirement = Requirement(text)
        needed = requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in extras
        )
        key = requirement.name.lower()
        if needed and key not in found:
            found[key] = distribution(key).version
            installed(key, found)
    return found


def lowest(name):
    """Return the lowest version that each requirement of the package admits."""
    requirements = map(Requirement, distribution(name).requires or [])
    return {one.name.lower(): _floor(one) for one in requirements}


def _floor(requirement):
    [floor] = [one.version for one in requirement.specifier if one.operator == ">="]
    return floor


def run(*arguments):
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def audited(versions):
    """Return what pip-audit knows of each package, nothing where it cannot tell."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{name}=={version}\n" for name, version in versions.items())
        file.flush()
        options = ["--no-deps", "--disable-pip", "--format", "json"]
        done = run("pip_audit", "--requirement", file.name, *options)
    try:
        answers = json.loads(done.stdout)["dependencies"]
    except ValueError:
        sys.stdout.write(f"pip-audit: {done.stderr.strip().splitlines()[-1]}\n")
        return {}
    return {one["name"]: one["vulns"] for one in answers if "vulns" in one}


def outdated():
    """Return the packages of which there is a newer release: name -> version."""
    done = run("pip", "list", "--outdated", "--format", "json")
    assert done.returncode == 0, done.stderr
    return {one["name"].lower(): one["latest_version"] for one in json.loads(done.stdout)}


def report(what, versions):
    """Print what pip-audit knows; return the holes, and the packages unknown to it."""
    known = audited(versions)
    holes = {name: found for name, found in known.items() if found}
    sys.stdout.write(
        f"{len(versions)} {what}: {', '.join(map('=='.join, versions.items()))}\n"
        f"{len(known)} known to pip-audit's service, {len(holes)} of them vulnerable\n"
    )
    return holes, versions.keys() - known.keys()


def main():
    holes, unknown = report("packages", installed(NAME, {}, EXTRAS))
    newer = {name: new for name, new in outdated().items() if name in unknown}
    sys.stdout.write(
        f"{len(unknown)} unknown to it here, {len(newer)} of them not the newest for this Python\n"
    )
    low_holes, low_unknown = report("lowest versions", lowest(NAME))
    sys.stdout.write(f"{len(low_unknown)} unknown to it here, and not judged\n")
    if holes or newer or low_holes:
        sys.exit(
            f"vulnerable: {holes}\nnot the newest: {newer}\n"
            f"vulnerable lowest versions, to be raised in pyproject.toml: {low_holes}"
        )


if __name__ == "__main__":
    main()
