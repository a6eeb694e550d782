"""Where access to the API server comes from, and what is said when there is none."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme

from pollwatch.control.credentials import (
    RELOAD,
    RELOAD_REFUSED,
    RELOAD_TOKEN,
    CredentialsError,
    load_credentials,
)
from tests.cluster.credentials import kubeconfig as kubeconfig_text
from tests.support.clock import FakeClock

IN_A_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    path = tmp_path / "authority.crt"
    trustme.CA().cert_pem.write_to_path(path)
    return path


@pytest.fixture
def service_account(tmp_path: Path) -> Path:
    """What Kubernetes mounts into a Pod."""
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    trustme.CA().cert_pem.write_to_path(folder / "ca.crt")
    (folder / "token").write_text("from-the-pod")
    return folder


def write_kubeconfig(path: Path, ca_file: Path, token: str) -> str:
    path.write_text(
        kubeconfig_text(server="https://api.example:6443", ca_file=ca_file, token=token, namespace=None)
    )
    return str(path)


async def token_of(
    kubeconfig: str | None, environ: Mapping[str, str], service_account: Path
) -> tuple[str, str | None]:
    credentials = await load_credentials(
        kubeconfig, clock=FakeClock(), environ=environ, service_account=service_account
    )
    access = await credentials.access()
    return access.server, access.token


async def test_a_pod_uses_its_service_account(service_account: Path) -> None:
    server, token = await token_of(None, IN_A_POD, service_account)
    assert (server, token) == ("https://10.96.0.1:443", "bearer from-the-pod")


async def test_a_kubeconfig_that_is_named_wins_over_the_environment_and_the_pod(
    service_account: Path, ca_file: Path, tmp_path: Path
) -> None:
    named = write_kubeconfig(tmp_path / "named", ca_file, "named")
    other = write_kubeconfig(tmp_path / "other", ca_file, "other")
    environ = IN_A_POD | {"KUBECONFIG": other}
    assert (await token_of(named, environ, service_account))[1] == "Bearer named"
    assert (await token_of(None, environ, service_account))[1] == "Bearer other"


async def test_a_token_that_is_rotated_is_read_again_after_a_minute(service_account: Path) -> None:
    clock = FakeClock()
    credentials = await load_credentials(None, clock=clock, environ=IN_A_POD, service_account=service_account)
    (service_account / "token").write_text("rotated")
    assert (await credentials.access()).token == "bearer from-the-pod"
    clock.advance(RELOAD_TOKEN)
    assert (await credentials.access()).token == "bearer rotated"
    (service_account / "token").unlink()
    clock.advance(RELOAD_TOKEN)
    assert (await credentials.access()).token == "bearer rotated"


async def test_a_copy_reads_what_was_rotated_by_itself_and_leaves_the_original_as_it_is(
    service_account: Path,
) -> None:
    clock = FakeClock()
    credentials = await load_credentials(None, clock=clock, environ=IN_A_POD, service_account=service_account)
    copy = credentials.copy()
    (service_account / "token").write_text("rotated")
    clock.advance(RELOAD_TOKEN)
    assert (await copy.access()).token == "bearer rotated"
    (service_account / "token").unlink()
    assert (await credentials.access()).token == "bearer from-the-pod"


async def test_a_token_that_was_refused_is_read_again_soon_but_not_for_each_refusal(
    service_account: Path,
) -> None:
    clock = FakeClock()
    credentials = await load_credentials(None, clock=clock, environ=IN_A_POD, service_account=service_account)
    (service_account / "token").write_text("rotated")
    clock.advance(RELOAD_REFUSED - 1)
    credentials.refused()
    assert (await credentials.access()).token == "bearer from-the-pod"
    clock.advance(1)
    assert (await credentials.access()).token == "bearer rotated"


async def test_a_token_is_not_shown_when_access_is_printed(service_account: Path) -> None:
    credentials = await load_credentials(
        None, clock=FakeClock(), environ=IN_A_POD, service_account=service_account
    )
    assert "from-the-pod" not in repr(await credentials.access())


@pytest.mark.parametrize(
    "text", ["{", "{apiVersion: v1, kind: Config}", "just text", "[1, 2]", "", "\x00\x01"]
)
async def test_a_kubeconfig_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(CredentialsError, match=f"^kubeconfig {path}: .+"):
        await load_credentials(str(path), clock=FakeClock(), environ={}, service_account=tmp_path / "no-pod")


async def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="there is no such file"):
        await load_credentials(
            str(tmp_path / "nowhere"), clock=FakeClock(), environ={}, service_account=tmp_path / "no-pod"
        )


async def test_an_empty_kubeconfig_variable_is_as_if_there_were_none(service_account: Path) -> None:
    environ = {"KUBECONFIG": "", "KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    credentials = await load_credentials(
        None, clock=FakeClock(), environ=environ, service_account=service_account
    )
    assert credentials.source == "service account"


async def test_a_pod_without_the_address_of_the_api_server_is_told_so(service_account: Path) -> None:
    with pytest.raises(CredentialsError, match=r"the service account in .*: Service host/port is not set"):
        await load_credentials(None, clock=FakeClock(), environ={}, service_account=service_account)


async def test_a_kubeconfig_that_changes_is_read_again_after_a_while(ca_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    clock = FakeClock()
    write_kubeconfig(path, ca_file, "first")
    credentials = await load_credentials(
        str(path), environ={}, service_account=tmp_path / "no-pod", clock=clock
    )
    write_kubeconfig(path, ca_file, "second")
    assert (await credentials.access()).token == "Bearer first"
    clock.advance(RELOAD)
    assert (await credentials.access()).token == "Bearer second"
    path.unlink()
    clock.advance(RELOAD)
    assert (await credentials.access()).token == "Bearer second"
