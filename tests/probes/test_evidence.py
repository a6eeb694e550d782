"""Evidence: what people see of a failure, and what they never see."""

import json
from base64 import b64encode
from html import escape
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.plan.samples import MAX_EVIDENCE
from pollwatch.probes.evidence import REDACTED, make_evidence

SECRETS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=6, max_size=80)


@given(text=st.text(max_size=2000), excerpt=st.text(max_size=2000), secrets=st.lists(SECRETS, max_size=3))
def test_evidence_is_one_bounded_printable_line(text: str, excerpt: str, secrets: list[str]) -> None:
    evidence = make_evidence(text, excerpt=excerpt, confidential=tuple(secrets))
    assert len(evidence) <= MAX_EVIDENCE
    assert evidence.isprintable()


@given(
    secret=SECRETS,
    before=st.text(max_size=300),
    after=st.text(max_size=300),
    spelling=st.sampled_from(
        [
            str,
            quote,
            escape,
            lambda s: quote(s, safe=""),
            lambda s: json.dumps(s)[1:-1],
            lambda s: b64encode(s.encode()).decode(),
        ]
    ),
    times=st.integers(1, 200),
)
def test_a_secret_is_cut_out_however_it_is_spelled(
    secret: str, before: str, after: str, spelling: object, times: int
) -> None:
    assert callable(spelling)
    spelled = spelling(secret)
    for evidence in (
        make_evidence(before + spelled * times + after, confidential=(secret,)),
        make_evidence(before, excerpt=spelled * times + after, confidential=(secret,)),
    ):
        if spelled not in before + after and spelled not in REDACTED:
            assert spelled not in evidence


def test_a_secret_that_was_cut_in_two_is_not_shown_by_half() -> None:
    secret = "0123456789abcdef" * 8
    for length in range(1, len(secret)):
        evidence = make_evidence(
            "the body begins", excerpt="token " + secret[:length], confidential=(secret,)
        )
        assert evidence == "the body begins: token"


def test_a_secret_that_reaches_beyond_what_is_looked_at_is_cut_out_whole() -> None:
    secret = "s3cr3t" * 1000
    assert make_evidence("x" * 10 + secret, confidential=(secret,)) == "x" * 10 + REDACTED


def test_what_follows_a_redacted_flood_is_not_half_a_secret() -> None:
    secret = "0123456789abcdef" * 32
    assert "0123" not in make_evidence(secret * 100, confidential=(secret,))


def test_white_space_and_control_characters_do_not_reach_a_terminal() -> None:
    assert (
        make_evidence("a\r\n\tb \x1b[31m\0") == "a b \N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}"
    )


def test_a_secret_read_from_a_file_is_found_without_its_final_newline() -> None:
    assert make_evidence("token abc123 refused", confidential=("abc123\n",)) == f"token {REDACTED} refused"


def test_an_empty_secret_hides_nothing() -> None:
    assert make_evidence("status 500", confidential=("", "\n")) == "status 500"


@pytest.mark.parametrize(
    ("value", "repeated"),
    [
        ("Bearer s3cr3t-t0ken", "s3cr3t-t0ken"),
        ("Bearer s3cr3t-t0ken\n", "s3cr3t-t0ken"),
        ("token  s3cr3t-t0ken", "s3cr3t-t0ken"),
        ("Basic cHJvYmVyOnBAc3N3MHJk", "cHJvYmVyOnBAc3N3MHJk"),
        ("Basic cHJvYmVyOnBAc3N3MHJk", "prober:p@ssw0rd"),
        ("basic cHJvYmVyOnBAc3N3MHJk", "p@ssw0rd"),
        ("Basic not-base-64!", "not-base-64!"),
        ("prober:p@ssw0rd", "p@ssw0rd"),
    ],
)
def test_credentials_are_cut_out_without_their_scheme_or_user_too(value: str, repeated: str) -> None:
    """Authorization is a scheme and credentials (RFC 9110, section 11.4); sites repeat the latter alone."""
    evidence = make_evidence("status 401", excerpt=f"{repeated} is wrong", confidential=(value,))
    assert evidence == f"status 401: {REDACTED} is wrong"


def test_a_short_word_of_a_secret_does_not_hide_half_of_what_is_said() -> None:
    assert make_evidence("status 401 of a kind", confidential=("of a",)) == f"status 401 {REDACTED} kind"
