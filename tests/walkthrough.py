"""
Pages that a reader follows on a terminal, run from their text.

If a page shows the output of a command, the command must print exactly this output. “…”
stands for what varies: in a line for any text, alone in a line for any lines. A command
whose output is not shown must succeed.

The tests change only the port. They leave out the commands that install packages, because
the packages are installed already, unless ``TEST_INSTALL`` is set: then each page runs in
a virtual environment of its own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import NamedTuple

from tests.browser.conftest import free_port
from tests.fresh import CHECKOUT, add, environment
from tests.pages import code_blocks

INSTALL = bool(os.environ.get("TEST_INSTALL"))
INSTALLS = re.compile(r"python -m (?:pip|venv) |\. \.venv/bin/activate$")
#: The text before a block of Python code names its file.
MARKDOWN = re.compile(
    r"(?:`([\w/]+\.py)`:\n\n)?^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL
)
END = "end-of-command"
SECONDS = 60 + 540 * INSTALL  # for each command


class Block(NamedTuple):
    """A block of code: commands, or code to add to a file."""

    language: str
    file: str
    code: str


def read_rst(text):
    """Return the code blocks of a page of the documentation."""
    return [Block(*block) for block in code_blocks(text)]


def read_markdown(text):
    """Return the code blocks of the README or of a part of it."""
    return [
        Block(language, file, code) for file, language, code in MARKDOWN.findall(text)
    ]


def commands(console):
    """Return each command of a block and the output that the page shows."""
    found = []
    for line in console.splitlines():
        if line.startswith("$ "):
            found.append(([line.removeprefix("$ ")], []))
        else:
            command, shown = found[-1]
            (command if command[-1].endswith("\\") and not shown else shown).append(
                line
            )
    return [("\n".join(command), "\n".join(shown)) for command, shown in found]


def is_run(command):
    """Return whether the tests run the command: it may install packages."""
    return INSTALL or not INSTALLS.match(command)


def pattern_of(shown):
    """Return a pattern for the output that a page shows."""
    return "".join(
        r"(?:.*\n)*"
        if line == "…"
        else ".*".join(map(re.escape, line.split("…"))) + r"\n"
        for line in shown.splitlines()
    )


class Terminal:
    """A shell that keeps its variables and its folder from command to command."""

    def __init__(self, folder, variables):
        self._shell = subprocess.Popen(
            ["sh"],
            cwd=folder,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command):
        """Return the exit status and the output."""
        script = f"{{ {command}\n}} </dev/null\nprintf '\\n%s %s\\n' {END} $?\n"
        watchdog = Timer(SECONDS, self._shell.kill)
        watchdog.start()
        self._shell.stdin.write(script)
        self._shell.stdin.flush()
        lines, last = [], ""
        while not last.startswith(END):
            lines.append(last)
            last = self._shell.stdout.readline()
            assert last, f"The shell ended in {command}: {''.join(lines)}"
        watchdog.cancel()
        return int(last.split()[1]), "".join(lines).removesuffix("\n")

    def close(self):
        self._shell.communicate("exit\n")


class Reader:
    """Follow pages from top to bottom, with a second terminal for the server."""

    def __init__(self, folder):
        self.port = str(free_port())
        self.variables = _variables(folder)
        self.terminal = Terminal(folder, self.variables)
        self.server = None

    @property
    def folder(self):
        return Path(self.terminal.run("pwd")[1].strip())

    def follow(self, blocks):
        """Run the commands, and add the code to the files of the project."""
        for block in blocks:
            code = block.code.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")
            if block.language == "console":
                (self.serve if "runserver" in code else self.type)(code)
            elif block.file:
                add(self.folder, {block.file: code})

    def type(self, console):
        for command, shown in commands(console):
            if is_run(command):
                ours = command.replace("/path/to/clone", str(CHECKOUT))
                status, printed = self.terminal.run(ours)
                _compare(command, shown, printed)
                assert shown or status == 0, f"{command}\nfailed:\n{printed}"

    def serve(self, console):
        """Run the block's commands in a new terminal; the last one is the server."""
        *before, (_, shown) = commands(console)
        server = f"exec python manage.py runserver --noreload {self.port}"
        script = [command for command, _ in before if is_run(command)]
        log = self.folder / "server.log"
        with log.open("w") as output:
            self.server = subprocess.Popen(
                ["sh", "-e", "-c", "\n".join([*script, server])],
                cwd=self.folder,
                env=self.variables,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + SECONDS
        while "Quit the server" not in (said := log.read_text()):
            assert self.server.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
        _compare(server, shown, said)

    def close(self):
        self.terminal.close()
        if self.server:
            self.server.terminate()
            self.server.wait(timeout=30)


@contextmanager
def reader(folder):
    """Yield a reader at an empty folder, or at one that another reader has left."""
    ours = Reader(folder)
    try:
        yield ours
    finally:
        ours.close()


def _variables(folder):
    """Return the environment of a terminal. curl prints what it prints on a terminal."""
    ours = environment(PYTHONUNBUFFERED="1", CURL_HOME=str(folder))
    (Path(folder) / ".curlrc").write_text("no-progress-meter\n")
    if INSTALL:
        _create_environment(ours, Path(folder) / ".own")
    return ours


def _create_environment(variables, place):
    """Let ``python`` and ``pip`` use an empty virtual environment."""
    del variables["PYTHONPATH"]
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    variables["PATH"] = f"{place / 'bin'}{os.pathsep}{variables['PATH']}"


def _compare(command, shown, printed):
    expected = pattern_of(shown) if shown else r"(?:.*\n)*"
    assert re.fullmatch(expected, printed.rstrip() + "\n"), f"{command}\n{printed}"
