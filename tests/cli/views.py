"""Views, samples and states for the tests of the displays."""

from collections import Counter
from collections.abc import Sequence
from io import StringIO

from rich.console import Console, RenderableType

from pollwatch.cli.display.view import CheckRow, Happening, Point, TargetRow, View
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.samples import HttpFacts, Outcome, Reason, Sample
from pollwatch.plan.states import CheckState, Verdict

NOON = 1479042000.0
EVIDENCE = "expected status 2xx, got 500 Internal Server Error"


def drawn(renderable: RenderableType, width: int = 120, height: int = 30) -> list[str]:
    """Draw on a terminal of that size, without colours, and give its lines."""
    file = StringIO()
    console = Console(file=file, width=width, height=height, color_system=None, force_terminal=True)
    console.print(renderable)
    return file.getvalue().splitlines()


def http_sample(status: int = 200, seconds: float = 0.042, address: str = "192.0.2.1") -> Sample:
    """A sample of an HTTP check that expects 2xx."""
    good = status < 300
    return Sample(
        started=NOON,
        duration=seconds,
        outcome=Outcome.SUCCESS if good else Outcome.FAILURE,
        reason=None if good else Reason.UNEXPECTED_STATUS,
        address=address,
        http=HttpFacts(status=status, version="1.1", content_length=5, body_bytes=5, redirects=0, tls=False),
        evidence="" if good else EVIDENCE,
    )


def target(
    address: str = "", verdict: Verdict = Verdict.UP, failures: int = 0, due_in: float | None = 0.4
) -> TargetRow:
    """A target with ten probes, of which the last ones failed."""
    points = tuple(Point(number >= 10 - failures, 0.04) for number in range(10))
    sample = http_sample(200 if verdict is Verdict.UP else 500)
    return TargetRow(
        address=address,
        verdict=verdict,
        sample=None if verdict is Verdict.UNKNOWN else sample,
        attempts=100,
        failures=failures,
        recent=points,
        due_in=due_in,
    )


def check(
    name: str, verdict: Verdict, targets: Sequence[TargetRow] = (), namespace: str = "public-sites"
) -> CheckRow:
    """A Check that has had its verdict for twelve seconds."""
    return CheckRow(
        key=CheckKey(namespace, name),
        verdict=verdict,
        since=NOON - 12,
        targets=tuple(targets) or (target(verdict=verdict),),
    )


def view(checks: Sequence[CheckRow], happenings: Sequence[Happening] = ()) -> View:
    """What there is to see at noon, after 72 seconds."""
    return View(
        now=NOON,
        started=NOON - 72,
        metrics_url="http://127.0.0.1:9877/metrics",
        checks=tuple(checks),
        verdicts=Counter(row.verdict for row in checks),
        happenings=tuple(happenings),
    )


def state(
    verdict: Verdict, previous: Verdict, *, up: int = 3, total: int = 4, at: float = NOON
) -> CheckState:
    """A state of the immigration site's Check."""
    well = up == total
    return CheckState(
        key=CheckKey("public-sites", "immigration"),
        uid="u",
        generation=1,
        verdict=verdict,
        previous=previous,
        since=at,
        at=at,
        total=total,
        up=up,
        reason=None if well else Reason.UNEXPECTED_STATUS,
        address="" if well else "192.0.2.4",
        evidence="" if well else EVIDENCE,
    )
