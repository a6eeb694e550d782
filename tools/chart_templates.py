"""Templates of the chart that say what a plain manifest says: definitions and the admission policy."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from pollwatch.api.crd import crd_yaml
from pollwatch.api.resources import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pollwatch.api.crd import Resource

_FULLNAME = '{{ include "pollwatch.fullname" . }}'

_LABELS = """\
  labels:
    {{- include "pollwatch.labels" . | nindent 4 }}
"""

_KEEP = """\
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
"""

_METADATA = re.compile(r"^metadata:\n  name: (?P<name>\S+)\n(?:  .*\n)*", re.MULTILINE)


def crd_templates() -> Mapping[str, Callable[[], str]]:
    """Return what makes the templates of the definitions, by the names of their files."""
    return {f"{resource.plural}.yaml": partial(crd_template, resource) for resource in RESOURCES}


def crd_template(resource: Resource) -> str:
    """Return the template of a custom resource definition."""
    text = _escaped(crd_yaml(resource))
    text = _METADATA.sub(lambda found: f"metadata:\n  name: {found['name']}\n{_LABELS}{_KEEP}", text)
    return _template(text, source="operator/pollwatch/api/", condition=".Values.crds.install")


def admission_template(policy: str) -> str:
    """Return the template of the policy in `manifests/admission/pools.yaml` and of its binding."""
    text = _METADATA.sub(lambda found: f"metadata:\n  name: {found['name']}\n{_LABELS}", _escaped(policy))
    text = re.sub(
        r"^(  (?:name|policyName): )pollwatch(-\S+)$", rf"\g<1>{_FULLNAME}\g<2>", text, flags=re.MULTILINE
    )
    condition = 'and .Values.admissionPolicy.enabled (include "pollwatch.pools" .)'
    return _template(text, source="manifests/admission/", condition=condition)


def _escaped(text: str) -> str:
    return text.removeprefix("---\n").replace("{{", '{{ "{{" }}')


def _template(text: str, *, source: str, condition: str) -> str:
    heading = f"{{{{- /* Made by `make generate` from {source}; change that. */}}}}"
    return f"{heading}\n{{{{- if {condition} }}}}\n{text.rstrip()}\n{{{{- end }}}}\n"
