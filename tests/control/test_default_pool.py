"""An operator makes the pool of the plain install, with the rights that the install gives it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from pollwatch.cli.operate import command
from tests.cluster.apiclient import documents_in
from tests.cluster.controlplane import ControlPlane
from tests.cluster.process import Program
from tests.control.conftest import RBAC, Checks, StartOperator
from tests.control.operators import POLLWATCH, POOLED
from tests.control.pool_stage import LOOPBACK
from tests.support.counting_site import CountingSite
from tools.install_yaml import MANIFESTS

OWNER = "--default-pool-owner=pollwatch-operator-default-pool"

POOL = """\
apiVersion: pollwatch.dev/v1alpha1
kind: ProbePool
metadata:
  name: default
spec:
  replicas: 1
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The file that an operator of the plain install finds."""
    (manifest,) = yaml.safe_load_all(
        (MANIFESTS / "install-pools" / "default-pool.yaml").read_text(encoding="utf-8")
    )
    file = tmp_path / "default-pool.yaml"
    file.write_text(manifest["data"]["default-pool.yaml"], encoding="utf-8")
    return file


@pytest.mark.usefixtures("pools")
def test_the_leader_makes_it_by_the_rights_of_the_install_and_checks_are_probed_there(
    start_pooled: StartOperator, checks: Checks, counted: CountingSite, installed: Path
) -> None:
    pool = yaml.safe_load(installed.read_text(encoding="utf-8"))
    pool["spec"]["egress"] = {"allow": [LOOPBACK]}
    installed.write_text(yaml.safe_dump(pool), encoding="utf-8")
    operator = start_pooled(f"--default-pool-file={installed}", OWNER)

    checks.create("front-page", http={"url": counted.url("/")})

    checks.wait_verdict("front-page", "Up")
    assert operator.series("pollwatch_operator_api_requests_total", 'code="403"') == {}


@pytest.fixture
def _without_the_right(cluster: ControlPlane, pool_rights: None) -> Iterator[None]:
    """All rights of the plain install with pools, but for that to make a pool."""
    del pool_rights
    _, binding = documents_in(RBAC / "pools" / "default-pool.yaml")
    cluster.admin.delete(cluster.admin.path_of(binding))
    yield
    cluster.admin.apply([binding])


@pytest.mark.usefixtures("_without_the_right")
def test_without_the_right_to_make_it_the_operator_says_so_at_the_start(
    cluster: ControlPlane, installed: Path, tmp_path: Path
) -> None:
    kubeconfig = cluster.kubeconfig(cluster.service_account_token("pollwatch-system", "pollwatch"))
    arguments = (
        *POOLED,
        "--listen=127.0.0.1:0",
        f"--kubeconfig={kubeconfig}",
        f"--default-pool-file={installed}",
        OWNER,
    )
    program = Program("operator", [POLLWATCH, "operator", *arguments], log=tmp_path / "operator.log")
    try:
        code, said = program.wait(60), program.log.read_text(encoding="utf-8")
    finally:
        program.stop()

    assert (code, len(said.splitlines())) == (1, 1)
    assert "not allowed to create probepools.pollwatch.dev in all namespaces" in said
    assert "patch probepools.pollwatch.dev/default" in said
    assert "kubectl apply -f manifests/rbac/pools/" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (POOL.replace("replicas", "replicass"), "default-pool.yaml:6: spec.replicass"),
        (POOL.replace("replicas: 1", "replicas: 0"), "default-pool.yaml:6: spec.replicas"),
        (
            POOL.replace("name: default", "name: east"),
            "the pool is east, but Checks that name none use default",
        ),
        (POOL + "---\n" + POOL.replace("name: default", "name: east"), "must hold one ProbePool"),
        ("", "the file is empty"),
    ],
)
def test_a_file_that_holds_no_such_pool_is_refused_before_anything_starts(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "default-pool.yaml"
    file.write_text(text, encoding="utf-8")

    result = CliRunner().invoke(command, ["--worker-image=w", f"--default-pool-file={file}"])

    assert result.exit_code == 2
    assert said in result.output


def test_an_embedded_operator_makes_no_pool(installed: Path) -> None:
    result = CliRunner().invoke(command, ["--embedded", f"--default-pool-file={installed}"])

    assert result.exit_code == 2
    assert "--default-pool-file is for pools: leave it out, or --embedded" in result.output


def test_an_owner_without_a_pool_is_refused() -> None:
    result = CliRunner().invoke(command, ["--worker-image=w", OWNER])

    assert result.exit_code == 2
    assert "--default-pool-owner goes with --default-pool-file" in result.output
