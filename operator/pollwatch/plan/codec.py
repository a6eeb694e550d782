"""Plans as they travel to a worker: a header, and a payload of packed lines.

The header (`plan.header`) says whose plan it is and what each block of the payload must hash to. A block
(`plan.blocks`) has the Checks of some slots (`plan.slots`), so that one changed Check makes one new block:
the encoder keeps the others, and so does the decoder with what it has read from them.

Fields that have their default value are left out, so the defaults of `plan.checks` and `plan.egress` are
part of the format. Operators and workers of different versions meet during each upgrade:

- what an older operator does not write has its default;
- a Check with a field or a value that a worker does not know is not probed, and reported;
- any other such field, unless it is below `hints`, makes the worker refuse the plan;
- so does another number of the format.
"""

from pollwatch.plan.decoding import DecodedPlan, PlanDecoder
from pollwatch.plan.encoding import EncodedPlan, PlanEncoder
from pollwatch.plan.errors import PlanError, PlanTooLargeError
from pollwatch.plan.header import FORMAT, MAX_PARTS, MAX_REVISION, Header, read_header

__all__ = [
    "FORMAT",
    "MAX_PARTS",
    "MAX_REVISION",
    "DecodedPlan",
    "EncodedPlan",
    "Header",
    "PlanDecoder",
    "PlanEncoder",
    "PlanError",
    "PlanTooLargeError",
    "read_header",
]
