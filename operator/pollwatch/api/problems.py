"""What is wrong in a user's input: where, what, and how to mend it, in one line."""

from collections.abc import Iterable
from dataclasses import dataclass

from pollwatch.api.conditions import AcceptedReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong in one place."""

    path: str
    """Field path as Kubernetes writes it: `spec.http.headers[1].name`; empty: the whole document or file."""
    message: str
    """What is wrong and how to mend it; never a Secret's value."""
    file: str | None = None
    line: int | None = None
    """Line in `file`, from 1."""
    reason: AcceptedReason = AcceptedReason.INVALID_SPEC

    @property
    def place(self) -> tuple[str, int]:
        """File and line, to sort by."""
        return self.file or "", self.line or 0

    def __str__(self) -> str:
        """`file.yaml:12: spec.http.expcet: unknown field, did you mean expect?`.

        One line, whatever the file and its fields are named: what cannot be printed is escaped.
        """
        place = self.file or ""
        if self.file and self.line is not None:
            place = f"{self.file}:{self.line}"
        return _printable(": ".join(part for part in (place, self.path, self.message) if part))


class Invalid(ValueError):  # noqa: N818 - reads as what is said of the document: it is invalid
    """A document is not a valid resource."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        """All of them, in the order of the document's fields; never empty."""
        super().__init__("; ".join(map(str, self.problems)))


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
