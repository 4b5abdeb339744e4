"""Show the progress of long work, on terminals only."""

from __future__ import annotations

from typing import IO, Any

WIDTH = 40  # characters
STEP = 1000  # lines, if the total is unknown


class Progress:
    """Call it with the number of finished items and, if known, the total."""

    def __init__(self, stream: IO[str] | Any) -> None:
        self._stream = stream
        self._visible = bool(getattr(stream, "isatty", lambda: False)())
        self._shown = ""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *args: object) -> None:
        self.end()

    def __call__(self, done: int, total: int | None = None) -> None:
        text = f"{done - done % STEP:,}" if total is None else _bar(done, total)
        if self._visible and text != self._shown:
            self._shown = text
            self._stream.write(f"\r{text}")
            self._stream.flush()

    def clear(self) -> None:
        """Clear the line, so that other text can be written in its place."""
        if self._shown:
            self._stream.write(f"\r{' ' * len(self._shown)}\r")
        self._shown = ""

    def end(self) -> None:
        """End the line, so that the next text starts on a new line."""
        if self._shown:
            self._stream.write("\n")
        self._shown = ""


def _bar(done: int, total: int) -> str:
    percent = 100 * done // total
    return f"[{'#' * (WIDTH * percent // 100):{WIDTH}}] {percent:3} % of {total:,}"
