"""Which annotations are templates, and that Prometheus thinks so too."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pollwatch.alerting.templates import fault_in, literal, with_labels

if TYPE_CHECKING:
    from pathlib import Path

SOUND = [
    "",
    "no template at all, with a { brace and a }} pair",
    "{{ $labels.check }} fails: {{ $value | humanize }}",
    "{{$value}}",
    "{{- $value -}}",
    "{{ with $labels.team }}team {{ . }}{{ else }}nobody{{ end }}",
    '{{ if gt $value 0.5 }}much{{ else if eq $labels.check "a | b" }}b{{ else }}little{{ end }}',
    '{{ printf "%.2f of %s" $value $labels.check }}',
    "{{ print ($value | humanize) `raw \\ text` }}",
    '{{ len (print "a" "b") | printf "%02d" }}',
    '{{ reReplaceAll "(.*)-page" "$1" $labels.check | toUpper }}',
    "{{ externalURL }}/graph",
    "{{ and true (not false) -1.5 }}",
]

FAULTY = [
    ("{{ $value", "a '{{' has no '}}'"),
    ("{{ if $value }}x", "{{ if }} has no {{ end }}"),
    ("{{ with $value }}x{{ else }}y", "{{ else }} has no {{ end }}"),
    ("{{ end }}", "there is no if or with that it could end"),
    ("{{ if $value }}x{{ end now }}", "nothing can follow 'end'"),
    ("{{ else }}", "no if or with that it could belong to"),
    ("{{ if true }}{{ else }}{{ else }}{{ end }}", "no if or with that it could belong to"),
    ("{{ with 1 }}{{ else if 2 }}{{ end }}", "only 'if' can follow 'else'"),
    ("{{ if }}x{{ end }}", "a value is missing"),
    ("{{ $value | }}", "a value is missing"),
    ("{{ }}", "there is nothing in it"),
    ("{{ humanise $value }}", "did you mean humanize?"),
    ("{{ query `up` }}", "there is no function 'query'"),
    ("{{ range $labels }}{{ end }}", "there is no function 'range'"),
    ('{{ template "x" }}', "there is no function 'template'"),
    ("{{ humanize }}", "'humanize' takes 1 argument, not 0"),
    ("{{ $value | humanize 1 }}", "'humanize' takes 1 argument, not 2"),
    ("{{ eq 1 }}", "'eq' takes 2 or more arguments, not 1"),
    ("{{ toUpper humanize }}", "'humanize' with its arguments must stand in parentheses"),
    ("{{ $value 3 }}", "a value takes no arguments"),
    ("{{ humanize $value | 3 }}", "only a function can follow '|'"),
    ("{{ (humanize $value }}", "a '(' has no ')'"),
    ("{{ $value ) }}", "a ')' has no '('"),
    ("{{ .Labels.check }}", "'.Labels.check' is not understood; use $labels.NAME"),
    ("{{ $labels.on-call }}", "'$labels.on-call' is not understood"),
    ("{{ $other }}", "'$other' is not understood"),
    ("{{ $x := 1 }}", "'$x' is not understood"),
    ("{{ 'a' }}", "''a'' is not understood"),
    ('{{ printf "%99999d" 1 }}', "has more than two digits"),
    ('{{ printf "%*d" 99999 1 }}', "has more than two digits"),
    ("{{ " + "(" * 30 + "1" + ")" * 30 + " }}", "too many parentheses"),
]


@pytest.mark.parametrize("text", SOUND)
def test_what_both_engines_expand_is_sound(text: str) -> None:
    assert fault_in(text) is None


@pytest.mark.parametrize(("text", "message"), FAULTY)
def test_a_fault_is_said_with_its_place_and_how_to_mend_it(text: str, message: str) -> None:
    fault = fault_in(text)

    assert fault is not None
    assert message in fault
    assert fault.isprintable()


WORDS = st.sampled_from(
    [
        *(
            "$value",
            "$labels.check",
            "$labels",
            ".",
            "true",
            '"text"',
            "`raw`",
            "1",
            "-0.5",
            "nil",
            "1e3",
            "0x1f",
        ),
        *("humanize", "printf", "toUpper", "eq", "and", "not", "len", "query"),
        *("if", "with", "else", "end", "(", ")", "|"),
    ]
)
ACTIONS = st.lists(WORDS, max_size=6).map(lambda words: "{{ " + " ".join(words) + " }}")
TEXTS = st.lists(ACTIONS | st.text(alphabet='ab {}"\\-', max_size=5), max_size=4).map("".join)


def refused(promtool: Path, folder: Path, texts: list[str]) -> str:
    """What promtool has against rules with these annotations."""
    rules = [
        {"alert": f"A{number}", "expr": "up", "annotations": {"text": text}}
        for number, text in enumerate(texts)
    ]
    file = folder / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "a", "rules": rules}]}), encoding="utf-8")
    answer = subprocess.run([promtool, "check", "rules", file], check=False, capture_output=True, text=True)
    return "" if answer.returncode == 0 else answer.stderr


# A process an example: fewer of them, and many texts in each.
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=150, max_size=150))
def test_prometheus_parses_whatever_is_found_sound(
    texts: list[str], promtool_binary: Path, tmp_path: Path
) -> None:
    sound = [text for text in texts if fault_in(text) is None]

    assert not refused(promtool_binary, tmp_path, sound)


def test_prometheus_parses_the_sound_examples(promtool_binary: Path, tmp_path: Path) -> None:
    assert not refused(promtool_binary, tmp_path, SOUND)
    assert refused(promtool_binary, tmp_path, ["{{ if $value }}x"])


def test_literal_text_is_shown_as_it_is() -> None:
    assert literal("plain") == "plain"
    assert fault_in(literal("{{ query `up` }} {{{ {") + "{{ $value }}") is None
    assert "{{ query" not in literal("{{ query `up` }}")


def test_labels_that_a_rule_adds_are_put_in_and_others_are_left_to_the_engine() -> None:
    text = '$labels.team {{ $labels.team | toUpper }} {{ $labels.check }} {{ "$labels.team" }}'

    filled = with_labels(text, {"team": 'the "web"\\team'})

    assert (
        filled
        == '$labels.team {{ "the \\"web\\"\\\\team" | toUpper }} {{ $labels.check }} {{ "$labels.team" }}'
    )
    assert fault_in(filled) is None
