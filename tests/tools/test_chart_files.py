"""What of the chart is made of other files says the same, and no more."""

from pathlib import Path

import pytest

from pollwatch import __version__
from tools.chart_rights import rights_templates
from tools.chart_templates import admission_template
from tools.versioned import versioned_files

ROOT = Path(__file__).parents[2]

ROLE = """\
# What it may do.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: pollwatch-{name}
rules:
# Why.
- apiGroups: [""]
  resources: [{name}]
  verbs: [get]
"""

BINDING = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: pollwatch-a
"""


def test_the_rules_of_a_role_are_named_by_its_file_and_keep_their_remarks(tmp_path: Path) -> None:
    (tmp_path / "pools").mkdir()
    (tmp_path / "pools" / "role.yaml").write_text(f"{ROLE.format(name='a')}---\n{BINDING}", encoding="utf-8")

    assert rights_templates(tmp_path).partition("\n\n")[2] == (
        '{{- define "pollwatch.rights.pools.role" -}}\n'
        '# Why.\n- apiGroups: [""]\n  resources: [a]\n  verbs: [get]\n'
        "{{- end }}\n"
    )


def test_several_roles_of_a_file_are_named_by_themselves(tmp_path: Path) -> None:
    roles = "---\n".join(ROLE.format(name=name) for name in ("checks-edit", "checks-view"))
    (tmp_path / "user-roles.yaml").write_text(roles, encoding="utf-8")

    made = rights_templates(tmp_path)

    assert '"pollwatch.rights.checks-edit"' in made
    assert '"pollwatch.rights.checks-view"' in made


def test_what_looks_like_a_template_in_a_message_is_none_in_the_chart() -> None:
    made = admission_template("kind: A\nmetadata:\n  name: pollwatch-a\nmessage: use {{ name }}\n")

    assert 'message: use {{ "{{" }} name }}' in made
    assert 'name: {{ include "pollwatch.fullname" . }}-a' in made


def test_the_version_stands_wherever_it_should() -> None:
    for name, text in versioned_files(ROOT).items():
        assert __version__ in text(), name


def test_a_file_that_lost_its_version_is_told(tmp_path: Path) -> None:
    file = tmp_path / "manifests" / "install" / "Kustomization"
    file.parent.mkdir(parents=True)
    file.write_text("kind: Kustomization\n", encoding="utf-8")

    with pytest.raises(ValueError, match=r"Kustomization has 0 lines like .*newTag"):
        versioned_files(tmp_path)["manifests/install/Kustomization"]()
