"""The image ships of the Kubernetes client what the operator imports, and it is enough."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LAZY_PACKAGE = {
    "large/__init__.py": "from large import parts, other\n",
    "large/parts/__init__.py": """
from importlib import import_module
_exports = {"Outer": ".outer", "Inner": ".inner", "Unused": ".unused"}
def __getattr__(name):
    if name not in _exports:
        raise AttributeError(name)
    return getattr(import_module(_exports[name], __name__), name)
""",
    "large/parts/outer.py": 'class Outer:\n    fields = {"inner": "list[Inner]"}\n',
    "large/parts/inner.py": "class Inner:\n    pass\n",
    "large/parts/unused.py": "class Unused:\n    pass\n",
    "large/other.py": "from large import parts\ndef f():\n    return parts.Unused\n",
    "large/far/__init__.py": "",
    "pollwatch/__init__.py": "",
    "pollwatch/user.py": "from large.parts import Outer\n",
    "pollwatch/__main__.py": "raise SystemExit('not to be run')\n",
}


def keep_imported(package: str, home: Path) -> str:
    done = subprocess.run(
        [sys.executable, ROOT / "tools/image/keep_imported.py", package],
        env={**os.environ, "PYTHONPATH": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_named_by_what_is_imported_stays_and_the_rest_goes(tmp_path: Path) -> None:
    for name, text in LAZY_PACKAGE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    keep_imported("large", tmp_path)

    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("large/**/*.py")) == [
        "large/__init__.py",
        "large/other.py",
        "large/parts/__init__.py",
        "large/parts/inner.py",
        "large/parts/outer.py",
    ]
    assert not (tmp_path / "large/far").exists()


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the Kubernetes client as the image has it."""
    home = tmp_path_factory.mktemp("slim")
    spec = find_spec("kubernetes")
    assert spec is not None
    assert spec.origin is not None
    shutil.copytree(Path(spec.origin).parent, home / "kubernetes")
    before = size_of(home)
    keep_imported("kubernetes", home)
    assert size_of(home) < before / 10
    return home


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.py"))


def test_the_operator_still_imports_and_reads_a_lease_with_all_that_may_be_in_one(slim: Path) -> None:
    program = """
import json, pkgutil, importlib, kubernetes, pollwatch
assert kubernetes.__file__.startswith(HOME), kubernetes.__file__
for module in pkgutil.walk_packages(pollwatch.__path__, "pollwatch."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from kubernetes.aio.client import ApiClient, CoordinationV1Api
DATA = json.dumps({
    "metadata": {
        "name": "pollwatch",
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "b"}],
        "managedFields": [{"manager": "pollwatch", "time": "2026-11-08T00:00:00Z"}],
    },
    "spec": {"holderIdentity": "one", "renewTime": "2026-11-08T00:00:00.000001Z"},
})
async def read():
    async with ApiClient() as client:
        CoordinationV1Api(client)
        return client.deserialize(DATA, "V1Lease", "application/json")
import asyncio
lease = asyncio.run(read())
print(lease.spec.holder_identity, lease.metadata.owner_references[0].kind,
      lease.metadata.managed_fields[0].manager)
"""
    done = subprocess.run(
        [sys.executable, "-c", f"HOME = {str(slim)!r}\n{program}"],
        env={**os.environ, "PYTHONPATH": str(slim)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("one Pod pollwatch\n", "")
