"""Plans, decoded where nothing has to wait."""

from pollwatch.plan.codec import DecodedPlan, PlanDecoder


async def _nothing() -> None:
    """Let nobody run."""


def decode(header: bytes, payload: bytes, decoder: PlanDecoder | None = None) -> DecodedPlan:
    """Decode a plan. There is no event loop, and none is missed: nothing is waited for."""
    reading = (decoder or PlanDecoder()).decode(header, payload, breathe=_nothing)
    try:
        reading.send(None)
    except StopIteration as end:
        found: DecodedPlan = end.value
        return found
    raise AssertionError("decoding waited for something")
