"""Create and disturb a SoftHSM 2 token in a folder, with a key generated in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pkcs11

from tests.services.available import skip_or_fail

MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",  # Debian
    "/usr/lib64/pkcs11/libsofthsm2.so",  # Fedora
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
TOKEN, KEY, KEY_ID, PIN = "layer", "layer-2026", "0a", "8765-4321"
HOLD = """
import fcntl, pathlib, sys
files = [open(path, "r+b") for path in pathlib.Path(sys.argv[1]).rglob("*")
         if path.is_file()]
for file in files:
    fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
CONFIGURATION = "directories.tokendir = {}\nobjectstore.backend = file\n"


def find_module() -> str:
    """Return the path of SoftHSM. Skip or fail if it is not installed."""
    found = [path for path in MODULES if Path(path).exists()]
    if not found or shutil.which("softhsm2-util") is None:
        skip_or_fail("SoftHSM 2 is not installed: install Debian's package softhsm2.")
    return found[0]


def configure(folder: Path) -> Path:
    """Prepare ``folder`` for tokens, and return SoftHSM's configuration file."""
    (folder / "tokens").mkdir(exist_ok=True)
    path = folder / "softhsm2.conf"
    path.write_text(CONFIGURATION.format(folder / "tokens"))
    return path


def make_token(folder: Path, label: str = TOKEN) -> None:
    """Create a token with SoftHSM's own tool, like an operator."""
    subprocess.run(
        [
            *("softhsm2-util", "--init-token", "--free", "--label", label),
            *("--so-pin", "12345678", "--pin", PIN),
        ],
        env={"SOFTHSM2_CONF": str(configure(folder))},
        check=True,
        capture_output=True,
    )


def make_key(module: str, label: str = KEY, bits: int = 2048) -> None:
    """Generate a key pair in the currently configured token."""
    library = pkcs11.lib(module)
    library.reinitialize()
    with library.get_token(token_label=TOKEN).open(rw=True, user_pin=PIN) as session:
        session.generate_keypair(
            pkcs11.KeyType.RSA, bits, id=bytes.fromhex(KEY_ID), label=label, store=True
        )
    library.finalize()


@contextmanager
def held(folder):
    """Lock the token's files in another process, so that the token hangs."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, folder / "tokens"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield
        process.stdin.close()


@contextmanager
def hanging_module(folder):
    """Compile a module that hangs in C_Finalize, and yield its path."""
    gate = folder / "gate"
    gate.touch()
    yield _compile(folder, "hanging", GATE=f'"{gate}"')
    gate.unlink(missing_ok=True)


class SlowModule:
    """SoftHSM with a slower C_Sign (``delay`` in milliseconds). It counts calls."""

    def __init__(self, folder, delay):
        self._calls = {name: folder / name for name in ("LOGINS", "SIGNATURES")}
        files = {name: f'"{path}"' for name, path in self._calls.items()}
        # Use a copy, because the original may be initialized for another folder.
        real = shutil.copy(find_module(), folder / "real.so")
        self.path = _compile(folder, "slow", REAL=f'"{real}"', DELAY=delay, **files)

    @property
    def logins(self):
        return self._count("LOGINS")

    @property
    def signatures(self):
        return self._count("SIGNATURES")

    def _count(self, name):
        path = self._calls[name]
        return path.stat().st_size if path.exists() else 0


def _compile(folder, name, **macros):
    if shutil.which("cc") is None:
        skip_or_fail(
            "The C compiler “cc” is not on the PATH: install Debian's package gcc."
        )
    module = folder / f"{name}.so"
    defined = [f"-D{macro}={value}" for macro, value in macros.items()]
    source = Path(__file__).with_name(f"{name}.c")
    command = ["cc", "-w", "-shared", "-fPIC", *defined, "-o", module, source]
    subprocess.run(command, check=True)
    return str(module)


@contextmanager
def removed(folder):
    """Remove the token inside this block."""
    (folder / "away").mkdir()
    for path in (folder / "tokens").iterdir():
        path.rename(folder / "away" / path.name)
    yield
    for path in (folder / "away").iterdir():
        path.rename(folder / "tokens" / path.name)
