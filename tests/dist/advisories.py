"""
Check all installed requirements of the package with pip-audit, extras included, and the
lowest version that each requirement allows.

If pip-audit's service does not answer or does not know a package, print this. Then the
installed release must be the newest for this Python, because known vulnerabilities are in
older releases.
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
    """Add the package's requirements, and theirs, to ``found``: name -> version."""
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
    """Return the lowest version that each requirement of the package allows."""
    requirements = map(Requirement, distribution(name).requires or [])
    return {one.name.lower(): _floor(one) for one in requirements}


def _floor(requirement):
    [floor] = [one.version for one in requirement.specifier if one.operator == ">="]
    return floor


def run(*arguments):
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def audited(versions):
    """Return the vulnerabilities of each package that pip-audit's service knows."""
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
    """Return the packages with a newer release: name -> version."""
    done = run("pip", "list", "--outdated", "--format", "json")
    assert done.returncode == 0, done.stderr
    return {one["name"].lower(): one["latest_version"] for one in json.loads(done.stdout)}


def report(what, versions):
    """Print the result; return the vulnerabilities and the packages unknown to pip-audit."""
    known = audited(versions)
    vulnerable = {name: found for name, found in known.items() if found}
    sys.stdout.write(
        f"{len(versions)} {what}: {', '.join(map('=='.join, versions.items()))}\n"
        f"{len(known)} known to pip-audit's service, {len(vulnerable)} of them vulnerable\n"
    )
    return vulnerable, versions.keys() - known.keys()


def main():
    vulnerable, unknown = report("packages", installed(NAME, {}, EXTRAS))
    newer = {name: new for name, new in outdated().items() if name in unknown}
    sys.stdout.write(
        f"{len(unknown)} unknown to it, {len(newer)} of them not the newest release for this Python\n"
    )
    low_vulnerable, low_unknown = report("lowest versions", lowest(NAME))
    sys.stdout.write(f"{len(low_unknown)} unknown to it, not checked\n")
    if vulnerable or newer or low_vulnerable:
        sys.exit(
            f"vulnerable: {vulnerable}\nnot the newest: {newer}\n"
            f"vulnerable lowest versions (raise them in pyproject.toml): {low_vulnerable}"
        )


if __name__ == "__main__":
    main()
