"""The commands of a page are compared with what they print."""

from __future__ import annotations

import pytest

from tests.walkthrough import Block, commands, read_markdown, read_rst, reader

BLOCKS = [
    Block("python", "settings.py", "A = 1\n"),
    Block("console", "", "$ date\n…\n"),
]


@pytest.fixture
def alice(tmp_path):
    with reader(tmp_path) as alice:
        yield alice


@pytest.mark.parametrize(
    "console",
    [
        "$ echo one two\none two",
        "$ echo one two\none …",
        "$ echo one two\n…two",
        "$ printf '1\\n2\\n3\\n'\n1\n…\n3",
        "$ printf '1\\n2\\n'\n…\n2\n…",
        "$ echo one \\\n    two\none two",
        "$ name=value\n$ echo $name\nvalue",
        "$ mkdir new && cd new\n$ basename $(pwd)\nnew",
        "$ echo not shown",
    ],
)
def test_a_page_that_shows_what_is_printed_is_accepted(alice, console):
    alice.type(console)


@pytest.mark.parametrize(
    "console",
    [
        "$ echo one two\none",
        "$ echo one two\ntwo …",
        "$ printf '1\\n2\\n'\n1",
        "$ printf '1\\n2\\n'\n1…",
        "$ true\nsomething",
        "$ false",
        "$ exit 3",
    ],
)
def test_a_page_that_shows_something_else_is_refused(alice, console):
    with pytest.raises(AssertionError):
        alice.type(console)


def test_the_port_is_replaced_in_commands_and_outputs(alice):
    block = Block("console", "", "$ echo 127.0.0.1:8000\n127.0.0.1:8000\n")

    alice.follow([block])

    assert alice.port != "8000"


def test_commands_that_install_are_left_out(alice, monkeypatch):
    monkeypatch.setattr("tests.walkthrough.INSTALL", False)

    alice.type(
        "$ python -m venv .venv\n$ . .venv/bin/activate\n$ python -m pip install x"
    )

    assert not (alice.folder / ".venv").exists()


def test_a_page_of_the_documentation_is_read():
    text = (
        "Text\n\n.. code-block:: python\n   :caption: settings.py\n\n   A = 1\n\n"
        ".. code-block:: console\n\n   $ date\n   …\n\nText\n"
    )

    assert read_rst(text) == BLOCKS


def test_markdown_is_read():
    text = (
        "The end of `settings.py`:\n\n```python\nA = 1\n```\n\n"
        "Text:\n\n```console\n$ date\n…\n```\n"
    )

    assert read_markdown(text) == BLOCKS


def test_a_command_has_several_lines_only_after_a_backslash():
    assert commands("$ one \\\n  two\nout\n$ three\n") == [
        ("one \\\n  two", "out"),
        ("three", ""),
    ]


def test_code_without_the_name_of_a_file_is_not_added(alice):
    alice.follow([Block("json", "", "{}\n")])

    assert [path.name for path in alice.folder.iterdir()] == [".curlrc"]


@pytest.mark.slow
def test_packages_are_installed_in_a_new_virtual_environment(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.walkthrough.INSTALL", True)

    with reader(tmp_path) as alice:
        alice.type("$ python -m venv .venv\n$ . .venv/bin/activate")
        alice.type("$ python -m pip list --format freeze\npip==…")

    assert (tmp_path / ".venv").exists()
