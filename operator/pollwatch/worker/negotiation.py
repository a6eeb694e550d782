"""What a scraper accepts: the format and the content coding of a page (RFC 9110, 12.5)."""

from typing import NamedTuple

from pollwatch.series.exposition import Exposition

_TYPES = {
    ("application/openmetrics-text", ""): Exposition.OPENMETRICS,
    ("application/openmetrics-text", "1.0.0"): Exposition.OPENMETRICS,
    ("application/openmetrics-text", "0.0.1"): Exposition.OPENMETRICS,
    ("text/plain", ""): Exposition.TEXT,
    ("text/plain", "0.0.4"): Exposition.TEXT,
}
"""By media type and its `version`: what a scraper that names it is given."""


class _Item(NamedTuple):
    """One element of a list with weights."""

    name: str
    parameters: dict[str, str]
    weight: float


def choose_exposition(accept: str) -> Exposition:
    """Choose the format that the scraper likes best; the text format when it names none.

    Args:
        accept: The `Accept` header.
    """
    best, best_weight = Exposition.TEXT, 0.0
    for item in _parse(accept):
        exposition = _TYPES.get((item.name, item.parameters.get("version", "")))
        if exposition is not None and item.weight > best_weight:
            best, best_weight = exposition, item.weight
    return best


def accepts_gzip(accept_encoding: str) -> bool:
    """Tell whether the scraper takes gzip.

    Args:
        accept_encoding: The `Accept-Encoding` header.
    """
    weights = {item.name: item.weight for item in _parse(accept_encoding)}
    return weights.get("gzip", weights.get("*", 0.0)) > 0.0


def _parse(field: str) -> list[_Item]:
    items: list[_Item] = []
    for element in field.split(","):
        name, *rest = (part.strip() for part in element.split(";"))
        pairs = (parameter.partition("=") for parameter in rest)
        parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
        items.append(_Item(name.lower(), parameters, _weight(parameters.pop("q", "1"))))
    return items


def _weight(text: str) -> float:
    """Read a quality value; what is none counts as not accepted."""
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0
