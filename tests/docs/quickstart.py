"""The commands of docs/quickstart.md, and what the page says that they print.

The end-to-end test runs them word for word on a real cluster:

    for step in steps():
        output = run("bash", "-euo", "pipefail", "-c", step.commands)
        assert step.shows(output)  # ask again for a while: an Event may come a moment later
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "quickstart.md"

_PART = re.compile(
    r"^## (?P<heading>[^\n]+)$|^```(?P<language>sh|text)\n(?P<block>.*?)^```$", re.MULTILINE | re.DOTALL
)
# What differs from one run to the next, and what stands for it.
_VARIES = (
    (re.compile(r"\b(?:\d+d)?(?:\d+h)?(?:\d+m)?\d+s\b|\b\d+[mhd]\b"), r"\\d+[smhd](?:\\d+[smhd])*"),
    (re.compile(r"\b\d+(?:\\\.\d+){3}\b"), r"\\d+(?:\\.\\d+){3}"),
    (re.compile("…"), ".*"),
    (re.compile(r"(?:\\ )+"), r"\\s+"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One block of commands.

    Attributes:
        heading: Of the section that it stands in.
        commands: One or more lines for a shell.
        expected: Lines that the page shows as their output; empty where it shows none.
    """

    heading: str
    commands: str
    expected: tuple[str, ...] = ()

    def shows(self, output: str) -> bool:
        """Tell whether every expected line came, each as often as it is expected.

        Ages, addresses of IPv4 and the width of columns may differ, and so may the order, which is
        that of the addresses; `…` stands for anything.
        """
        left = output.splitlines()
        for pattern in map(_pattern, self.expected):
            found = next((line for line in left if pattern.fullmatch(line)), None)
            if found is None:
                return False
            left.remove(found)
        return True


def steps(page: Path = PAGE) -> list[Step]:
    """Return the steps in the order of the page."""
    heading, found = "", list[Step]()
    for part in _PART.finditer(page.read_text(encoding="utf-8")):
        if part["heading"]:
            heading = part["heading"]
        elif part["language"] == "sh":
            found.append(Step(heading=heading, commands=part["block"]))
        else:
            shown = tuple(part["block"].splitlines())
            found[-1] = Step(heading=heading, commands=found[-1].commands, expected=shown)
    return found


def _pattern(line: str) -> re.Pattern[str]:
    text = re.escape(line.strip())
    for varying, instead in _VARIES:
        text = varying.sub(instead, text)
    return re.compile(rf"\s*{text}\s*")
