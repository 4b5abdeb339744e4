"""Check the distributions that would be published, with a stand-in for the address."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

from check import built

STAND_IN = "https://repository.example/owner/name"
RELATIVE = re.compile(r"""(?:\]\(|src="|href=")(?!https://|#)([^)\s"]+)""")
#: Lines for the README, and how they are published: images have an address of their own.
SAMPLE = """
[![Page](docs/page.png)](docs/index.rst#top) [Other](https://other.example/docs/)
<a href="LICENSE"><img src="docs/page.png"></a> [Install](#install)
"""
PUBLISHED = """
[![Page]({0}/raw/v{1}/docs/page.png)]({0}/blob/v{1}/docs/index.rst#top) [Other](https://other.example/docs/)
<a href="{0}/blob/v{1}/LICENSE"><img src="{0}/raw/v{1}/docs/page.png"></a> [Install](#install)
"""


def run(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", *arguments], check=True)


def build(sdist: Path, folder: Path) -> Path:
    """Build the distributions from the sources with the address; return their folder."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    [source] = folder.iterdir()
    (source / "PKG-INFO").unlink()  # the description without the address
    with (source / "README.md").open("a", encoding="utf-8") as readme:
        readme.write(SAMPLE)
    settings = source / "pyproject.toml"
    table = f'[project.urls]\nRepository = "{STAND_IN}"\n'
    before, after = settings.read_text().split("[project.urls]\n")
    settings.write_text(before + table + after[after.index("[") :])
    run("build", "--quiet", "--no-isolation", "--outdir", folder / "dist", source)
    return folder / "dist"


def description(wheel: Path) -> tuple[str, str]:
    """Return the version and the description of a wheel."""
    with ZipFile(wheel) as archive:
        [name] = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        metadata = message_from_bytes(archive.read(name))
    return metadata["Version"], metadata.get_payload(decode=True).decode()


def check_links(wheel: Path) -> None:
    version, published = description(wheel)
    readme = Path("README.md").read_text(encoding="utf-8")
    assert published.endswith(PUBLISHED.format(STAND_IN, version)), published[-400:]
    assert RELATIVE.findall(published) == []
    # Nothing but the links is changed.
    address = rf"{STAND_IN}/(?:blob|raw)/v{re.escape(version)}/"
    assert re.sub(address, "", published) == readme + SAMPLE


if __name__ == "__main__":
    _, sdist = built(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        wheel, complete = built(build(sdist, Path(folder)))
        check_links(wheel)
        run("twine", "check", "--strict", wheel, complete)
        # Without the maintainers' e-mail address, which is not decided either.
        run("pyroma", "--min", "10", "--skip-tests", "AuthorEmail", complete)
