"""The Checks of a plan, in order while they change."""

from hypothesis import given
from hypothesis import strategies as st

from pollwatch.control.plan_book import PlanBook
from pollwatch.plan.checks import CheckKey, CheckPlan, Plan
from pollwatch.plan.egress import EgressPolicy
from tests.support.plans import make_check

STRICT = EgressPolicy(default_allow=False)

_changes = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from((None, 10.0, 20.0)), max_size=3)


@given(st.lists(_changes | st.just(STRICT), max_size=8))
def test_a_plan_has_what_changed_and_nothing_else_in_order(
    steps: list[dict[str, float | None] | EgressPolicy],
) -> None:
    book, held, egress = PlanBook(), dict[CheckKey, CheckPlan](), EgressPolicy()
    for step in steps:
        if isinstance(step, EgressPolicy):
            book.egress = egress = step
        else:
            checks = {
                make_check(name).key: None if period is None else make_check(name, period=period)
                for name, period in step.items()
            }
            book.update({key: check for key, check in checks.items() if check is not None or key in held})
            held = {key: check for key, check in {**held, **checks}.items() if check is not None}

        assert book.plan() == Plan(checks=tuple(held[key] for key in sorted(held)), egress=egress)


def test_a_plan_that_did_not_change_is_the_same_object() -> None:
    book = PlanBook()
    check = make_check("a")
    book.update({check.key: check})
    before = book.plan()
    book.update({check.key: check})

    assert book.plan() is before
