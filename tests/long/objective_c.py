"""Compile the cookbook's Objective-C, and log in at the example project with it."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from tests.browser.conftest import free_port, running_demo
from tests.pages import captioned

NEEDS = ()
PACKAGES = "clang gobjc libgnustep-base-dev libblocksruntime-dev"
SHIMS = Path(__file__).parent / "_layerkit"


def run(scale):
    """Do the same at each scale: it takes seconds."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        program = _compile(folder)
        with running_demo(folder, free_port()) as demo:
            printed = _log_in(program, demo)
    assert printed == [
        "alice",
        "deauthenticated",
        "bob",
        "deauthenticated",
        "403 user_id_mismatch",
        "403 authentication_failed",  # the demo accepts sessions first
    ], printed
    return ["The Objective-C of the client cookbook was compiled and has logged in."]


def _compile(folder):
    """Compile the page's code with the stand-in for LayerKit; warnings are errors."""
    missing = [name for name in ("clang", "gnustep-config") if not shutil.which(name)]
    assert not missing, f"Install Debian's packages {PACKAGES}."
    shutil.copytree(SHIMS, folder, dirs_exist_ok=True)
    (folder / "LayerLogin.m").write_text(captioned("objective-c")["LayerLogin.m"])
    flags = _output("gnustep-config", "--objc-flags").split()
    header = _output("gcc", "-print-file-name=include/objc/objc.h").strip()
    library = _output("gcc", "-print-file-name=libobjc.so").strip()
    command = [
        *("clang", *flags, "-Werror", "-fblocks", "-fobjc-runtime=gcc", "-I."),
        *("-idirafter", Path(header).parents[1], "main.m", "-o", "program"),
        *(f"-L{Path(library).parent}", "-lBlocksRuntime", "-lgnustep-base", "-lobjc"),
    ]
    subprocess.run(command, cwd=folder, check=True, timeout=120)
    return folder / "program"


def _output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _log_in(program, demo):
    """Log in Alice, Bob, Bob in place of Alice, and Bob with a wrong password."""
    passwords = dict(re.findall(r"^  (alice|bob) +(\S+)$", demo.printed, re.MULTILINE))
    with urlopen(demo.url) as response:  # noqa: S310  # the demo on this machine
        app_id = re.search(r"layer:///apps/[\w/-]+", response.read().decode())[0]
    lines = [
        f"alice {_basic('alice', passwords['alice'])}",
        f"bob {_basic('bob', passwords['bob'])}",
        f"alice {_basic('bob', passwords['bob'])}",
        f"bob {_basic('bob', 'wrong')}",
    ]
    done = subprocess.run(
        [program, demo.url, app_id],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.splitlines()


def _basic(user, password):
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return f"Basic {encoded}"
