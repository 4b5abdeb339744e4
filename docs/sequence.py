"""Draw how a login works, as a sequence diagram: ``python docs/sequence.py``."""

from __future__ import annotations

from html import escape
from pathlib import Path

FILE = Path(__file__).parent / "_static" / "login.svg"
PEOPLE = ("Phone", "Your Django project", "Layer, or the sandbox")
STEPS = (  # from, to, text
    (0, 2, "1. POST /nonces"),
    (2, 0, "nonce: random, for one login"),
    (0, 1, "2. POST /layer/authenticate: the nonce"),
    (1, 1, "checks the user and the nonce, signs"),
    (1, 0, "identity token, and the Layer user ID"),
    (0, 2, "3. POST /sessions with the identity token"),
    (2, 2, "verifies the signature, spends the nonce"),
    (2, 0, "session token: the user is logged in"),
)
LEFT, GAP, TOP, LINE = 110, 290, 60, 46
WIDTH, HEIGHT = 2 * LEFT + 2 * GAP, TOP + LINE * (len(STEPS) + 1)


def draw() -> str:
    """Return the diagram as SVG, in the colour of the text around it."""
    columns = [LEFT + GAP * number for number in range(len(PEOPLE))]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'role="img" aria-labelledby="login-title" font-family="sans-serif" '
        'font-size="13" fill="currentColor" stroke="none">',
        '<title id="login-title">How a login works: eight steps, listed below.</title>',
    ]
    for x, name in zip(columns, PEOPLE, strict=True):
        parts += [
            f'<text x="{x}" y="24" text-anchor="middle" font-weight="bold">{name}</text>',
            f'<line x1="{x}" y1="36" x2="{x}" y2="{HEIGHT - 16}" stroke="currentColor" '
            'stroke-opacity="0.4" stroke-dasharray="4 4"/>',
        ]
    for number, (start, end, text) in enumerate(STEPS):
        parts += _step(columns[start], columns[end], TOP + LINE * (number + 1), text)
    return "\n".join([*parts, "</svg>\n"])


def _step(start: int, end: int, y: int, text: str) -> list[str]:
    # The text is beside the line where the step begins, between two people.
    is_last = start == LEFT + 2 * GAP
    direction = -1 if is_last or end < start else 1
    style = ' font-style="italic"' if start == end else ""
    label = (
        f'<text x="{start + direction * GAP // 2}" y="{y - 8}" text-anchor="middle"'
        f"{style}>{escape(text)}</text>"
    )
    if start == end:  # what somebody does without asking
        return [label, f'<circle cx="{start}" cy="{y - 12}" r="4"/>']
    tip = 8 if end < start else -8
    return [
        label,
        f'<line x1="{start}" y1="{y}" x2="{end}" y2="{y}" stroke="currentColor"/>',
        f'<path d="M{end},{y} l{tip},-5 v10 z"/>',
    ]


if __name__ == "__main__":
    FILE.write_text(draw())
