"""Annotations that users write: a part of Go's text/template that every engine expands alike.

Prometheus and Grafana both expand annotations with text/template (https://pkg.go.dev/text/template),
each with functions of its own. What is accepted here is what both understand, less what one user must
not do to all others: `query` would let the author of a Check read every series of Prometheus, and a
wide `printf` fill its memory.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

_MANY = 16

_ARGUMENTS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        # Of Prometheus; Grafana has taken them over.
        "externalURL": (0, 0),
        "humanize": (1, 1),
        "humanize1024": (1, 1),
        "humanizeDuration": (1, 1),
        "humanizePercentage": (1, 1),
        "humanizeTimestamp": (1, 1),
        "match": (2, 2),
        "reReplaceAll": (3, 3),
        "title": (1, 1),
        "toLower": (1, 1),
        "toUpper": (1, 1),
        # Of text/template itself.
        "and": (1, _MANY),
        "eq": (2, _MANY),
        "ge": (2, 2),
        "gt": (2, 2),
        "le": (2, 2),
        "len": (1, 1),
        "lt": (2, 2),
        "ne": (2, 2),
        "not": (1, 1),
        "or": (1, _MANY),
        "print": (0, _MANY),
        "printf": (1, _MANY),
        "urlquery": (1, _MANY),
    }
)
"""The functions, and how many arguments each takes: least and most."""

_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)

_TOKEN = re.compile(
    r"""\s*(?:(?P<mark>[()|])|(?:
      (?P<string>"(?:[^"\\\n]|\\[abfnrtv\\"])*"|`[^`]*`)
    | (?P<number>[+-]?[0-9]+(?:\.[0-9]+)?(?![\w.]))
    | (?P<value>\$labels\.[A-Za-z_]\w*(?![\w.$])|\$labels(?![\w.$])|\$value(?![\w.$])|\.(?![\w.]))
    | (?P<word>[A-Za-z_]\w*(?![\w.$]))
    )(?=[\s()|]|$))\s*""",
    re.VERBOSE | re.ASCII,
)

_TEXT_OR_LABEL = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|`[^`]*`)|\$labels\.(?P<label>\w+)""", re.ASCII)

_WIDE = re.compile(r"%[^a-zA-Z%]*(?:[0-9]{3}|\*)")

_OPENING = frozenset({"if", "with"})

_LITERALS = frozenset({"true", "false"})

_DEEPEST = 8
"""Parentheses within parentheses: more is nothing that a person wrote."""

_Token = tuple[str, str]
"""Its kind and its text."""


class _FaultError(Exception):
    """Something in a template is wrong; the message says what."""


def literal(text: str) -> str:
    """Write text so that a template shows it as it is."""
    # Each brace by itself: one at the end would join what follows.
    return text.replace("{", '{{"{"}}')


def with_labels(text: str, labels: Mapping[str, str]) -> str:
    """Put the labels that a rule adds into a sound template: `$labels` knows only those of the series."""
    if "$labels" not in text:
        return text

    def known(match: re.Match[str]) -> str:
        name = match["label"]
        return _quoted(labels[name]) if name in labels else match[0]

    return _ACTION.sub(lambda action: _TEXT_OR_LABEL.sub(known, action[0]), text)


def _quoted(text: str) -> str:
    """Write a string of Go."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def fault_in(text: str) -> str | None:
    """Say what keeps a text from being a template, and how to mend it; `None` when all is well."""
    if "{{" not in text:
        return None
    try:
        _check(text)
    except _FaultError as fault:
        return str(fault)
    return None


def _check(text: str) -> None:
    blocks: list[str] = []
    for match in _ACTION.finditer(text):
        try:
            _action(list(_tokens(match[1])), blocks)
        except _FaultError as fault:
            raise _FaultError(f"in {match[0]}: {fault}") from None
    if "{{" in _ACTION.sub("", text):
        raise _FaultError("a '{{' has no '}}'; close it")
    if blocks:
        raise _FaultError(f"{{{{ {blocks[-1]} }}}} has no {{{{ end }}}}; add it")


def _tokens(body: str) -> Iterator[_Token]:
    # Trim markers: `{{- ` and ` -}}`.
    body = re.sub(r"^-(?=\s)", "", body)
    body = re.sub(r"(?<=\s)-$", "", body)
    place = 0
    while body[place:].strip():
        match = _TOKEN.match(body, place)
        if match is None:
            raise _FaultError(
                f"'{body[place:].split()[0]}' is not understood; use $labels.NAME, $value, functions,"
                " numbers and texts in double quotes"
            )
        place = match.end()
        kind = match.lastgroup or ""
        yield kind, match[kind]


def _action(tokens: list[_Token], blocks: list[str]) -> None:
    """Judge what stands between two braces.

    Args:
        tokens: All of it.
        blocks: Keywords of the blocks that are open, changed in place.
    """
    if not tokens:
        raise _FaultError("there is nothing in it; remove it")
    keyword = tokens[0][1]
    if keyword == "end":
        _end(tokens, blocks)
    elif keyword == "else":
        _else(tokens, blocks)
    elif keyword in _OPENING:
        _pipeline(tokens[1:])
        blocks.append(keyword)
    else:
        _pipeline(tokens)


def _end(tokens: list[_Token], blocks: list[str]) -> None:
    if len(tokens) > 1:
        raise _FaultError("nothing can follow 'end'; remove it")
    if not blocks:
        raise _FaultError("there is no if or with that it could end; remove it")
    blocks.pop()


def _else(tokens: list[_Token], blocks: list[str]) -> None:
    if not blocks or blocks[-1] == "else":
        raise _FaultError("there is no if or with that it could belong to; remove it")
    if len(tokens) == 1:
        blocks[-1] = "else"
    elif tokens[1][1] == "if" and blocks[-1] == "if":
        _pipeline(tokens[2:])
    else:
        raise _FaultError("only 'if' can follow 'else', and only where the block is an 'if'")


def _pipeline(tokens: list[_Token]) -> None:
    place = _commands(tokens, 0, depth=0)
    if place < len(tokens):
        raise _FaultError("a ')' has no '('; remove it")


def _commands(tokens: list[_Token], place: int, *, depth: int) -> int:
    """Judge commands with `|` between them, up to the end or a `)`, and return where that is."""
    if depth > _DEEPEST:
        raise _FaultError("there are too many parentheses within each other; make it simpler")
    piped = False
    while True:
        place = _command(tokens, place, piped=piped, depth=depth)
        if place == len(tokens) or tokens[place][1] == ")":
            return place
        place += 1
        piped = True


def _command(tokens: list[_Token], place: int, *, piped: bool, depth: int) -> int:
    """Judge one command, and return where it ends: at a `|`, a `)` or the end."""
    function = ""
    operands = 0
    while place < len(tokens) and tokens[place] not in {("mark", "|"), ("mark", ")")}:
        kind, text = tokens[place]
        if text == "(" and kind == "mark":
            place = _commands(tokens, place + 1, depth=depth + 1)
            if place == len(tokens):
                raise _FaultError("a '(' has no ')'; close it")
        elif kind == "word" and text not in _LITERALS:
            _function(text, is_first=not operands)
            function = text
        elif kind == "string" and _WIDE.search(text):
            raise _FaultError(f"the width in {text} has more than two digits; use less")
        operands += 1
        place += 1
    _count(function, operands, piped=piped)
    return place


def _function(name: str, *, is_first: bool) -> None:
    if name not in _ARGUMENTS:
        similar = difflib.get_close_matches(name, _ARGUMENTS, n=1)
        remedy = f"did you mean {similar[0]}?" if similar else f"use one of {', '.join(_ARGUMENTS)}"
        raise _FaultError(f"there is no function '{name}' that can be used here; {remedy}")
    if not is_first and _ARGUMENTS[name] != (0, 0):
        raise _FaultError(f"'{name}' with its arguments must stand in parentheses")


def _count(function: str, operands: int, *, piped: bool) -> None:
    """Judge how many operands a command has, the function's name among them."""
    if not operands:
        raise _FaultError("a value is missing; write one, such as $value")
    if not function:
        if piped:
            raise _FaultError("only a function can follow '|'")
        if operands > 1:
            raise _FaultError("a value takes no arguments; begin with a function")
        return
    least, most = _ARGUMENTS[function]
    given = operands - 1 + piped
    if not least <= given <= most:
        wanted = str(least) if least == most else f"{least} or more"
        raise _FaultError(f"'{function}' takes {wanted} argument{'' if wanted == '1' else 's'}, not {given}")
