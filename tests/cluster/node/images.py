"""Container images without a registry: built by buildah, kept as archives."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.building import run_step
from tests.cluster.debian import DebianUnpacker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.cluster.cache import Cache
    from tests.cluster.progress import Progress

TREE = Path(__file__).parents[3]

BUSYBOX = "localhost/busybox:1"
"""A shell and its tools in one static program; it holds the namespaces of each pod, too."""

# An image of one static program, where programs are in the images that people pull.
_OF_A_PROGRAM = """\
FROM scratch
COPY {name} /bin/{name}
ENTRYPOINT ["/bin/{name}"]
"""
_DOCKERFILES = Path(__file__).parent / "dockerfiles"
_MMDEBSTRAP = (
    "mmdebstrap",
    "--variant=minbase",
    "--include=python3-minimal,python3-venv,ca-certificates",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "bookworm",
)
_KEPT_ARCHIVES = 3
_MOST_LAYERS = 120

# So that a build behind a company's proxy trusts, and asks, what this machine does.
_OF_THIS_MACHINE = ("/etc/ssl/certs", "/etc/pip.conf")


def program_image(program: str) -> str:
    """The name of the image that `ImageBuilder.of_program` makes of a program, by the program's name."""
    return f"localhost/{program}:1"


def product_image() -> str:
    """The name under which `manifests/install.yaml` asks for the image of this tree."""
    text = (TREE / "manifests" / "install.yaml").read_text(encoding="utf-8")
    found = re.search(r"^\s*image: (\S+)$", text, re.MULTILINE)
    if found is None:
        raise ValueError("manifests/install.yaml names no image")
    return found[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBuilder:
    """Builds images into the cache; needs root, and the packages of `tests.cluster.node.packages`.

    Attributes:
        cache: Holds the archives, and buildah's layers.
        environment: What the commands inherit.
        progress: Hears what is done.
    """

    cache: Cache
    environment: Mapping[str, str]
    progress: Progress

    def busybox(self) -> Path:
        """The archive of `BUSYBOX`.

        Raises:
            ToolUnavailableError: It cannot be built; the message says why.
        """
        unpacker = DebianUnpacker(cache=self.cache, environment=self.environment, progress=self.progress)
        program = unpacker.unpack("busybox-static") / "bin" / "busybox"
        dockerfile = (_DOCKERFILES / "busybox.Dockerfile").read_text(encoding="utf-8")
        return self._around(program, BUSYBOX, dockerfile)

    def of_program(self, program: Path) -> Path:
        """The archive of the image `program_image(program.name)`, which holds a static program alone.

        Raises:
            ToolUnavailableError: As in `busybox`.
        """
        dockerfile = _OF_A_PROGRAM.format(name=program.name)
        return self._around(program, program_image(program.name), dockerfile)

    def product(self) -> Path:
        """The archive of Pollwatch's image, built from the Dockerfile of this tree as it is now.

        Raises:
            ToolUnavailableError: As in `busybox`.
        """
        name = product_image()
        key = _digest(repr(product_digests(TREE)).encode(), _base_key().encode(), name.encode())
        entry = self.cache.entry("image-pollwatch", key)
        self.cache.fill(
            entry,
            lambda folder: self._build_product(name, folder),
            waiting=lambda: self.progress.say(f"waiting for another session that builds {name}"),
        )
        (entry / "image.tar").touch()
        _forget_old_archives(entry.parent)
        return entry / "image.tar"

    def _build_product(self, name: str, folder: Path) -> None:
        self._build(
            name,
            folder,
            *("--file", TREE / "Dockerfile"),
            *("--build-arg", f"BASE={self._base()}"),
            *("--build-arg", f"VERSION={name.rpartition(':')[2]}"),
            *("--network", "host"),
            *(f"--volume={path}:{path}:ro" for path in _OF_THIS_MACHINE if Path(path).exists()),
            context=TREE,
        )

    def _around(self, program: Path, name: str, dockerfile: str) -> Path:
        key = _digest(dockerfile.encode(), name.encode(), program.read_bytes())
        entry = self.cache.entry(f"image-{program.name}", key)

        def fill(folder: Path) -> None:
            context = folder / "context"
            context.mkdir()
            (context / "Dockerfile").write_text(dockerfile, encoding="utf-8")
            shutil.copy(program, context)
            self._build(name, folder, context=context)
            shutil.rmtree(context)

        self.cache.fill(entry, fill)
        return entry / "image.tar"

    def _base(self) -> str:
        """The name of the image that stands in for a public Python image, in buildah's storage."""
        key = _base_key()
        name = f"localhost/pollwatch-base:{key}"
        with_tar = self.cache.fill(self.cache.entry("debian-python", key), self._bootstrap_debian)
        if self._buildah("inspect", "--type", "image", name).returncode != 0:
            log = with_tar.with_name(f"{key}.log")
            command = self._bud(name, "--file", _DOCKERFILES / "base.Dockerfile", context=with_tar)
            self._run("the base image", command, log)
        return name

    def _bootstrap_debian(self, folder: Path) -> None:
        log = folder.parent / "mmdebstrap.log"
        self._run("Debian with Python, once, by mmdebstrap", [*_MMDEBSTRAP, folder / "base.tar"], log)

    def _build(self, name: str, folder: Path, *arguments: str | Path, context: Path) -> None:
        log = folder.parent / "build.log"
        layers = ("--layers",) if self._driver() == "overlay" else ()
        self._run(f"the image {name}", self._bud(name, *layers, *arguments, context=context), log)
        archive = f"docker-archive:{folder / 'image.tar'}:{name}"
        # Not compressed: it is read on this machine, and not far from now.
        self._run(f"the archive of {name}", self._command("push", "--quiet", name, archive), log)
        images = self._buildah("images", "--all", "--quiet").stdout.split()
        if len(images) > _MOST_LAYERS:
            self.progress.say(f"removing {len(images)} layers of earlier builds")
            self._buildah("rm", "--all")
            self._buildah("rmi", "--all", "--force")

    def _bud(self, name: str, *arguments: str | Path, context: Path) -> list[str | Path]:
        return self._command("bud", "--isolation", "chroot", "--tag", name, *arguments, context)

    def _command(self, *arguments: str | Path) -> list[str | Path]:
        storage = self._storage()
        return [
            # A build that is killed, and buildah's storage itself, would leave mounts behind.
            *("unshare", "--mount", "--propagation", "private"),
            *("buildah", "--root", storage / "root", "--runroot", storage / "run"),
            *("--storage-driver", self._driver(), *arguments),
        ]

    def _storage(self) -> Path:
        return self.cache.folder / "buildah"

    def _driver(self) -> str:
        """overlay, but where the cache itself lies on an overlay, as it may in a container."""
        self._storage().mkdir(parents=True, exist_ok=True)
        answer = subprocess.run(
            ["stat", "--file-system", "--format=%T", self._storage()],
            check=True,
            capture_output=True,
            text=True,
        )
        return "vfs" if answer.stdout.strip() == "overlayfs" else "overlay"

    def _buildah(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*arguments),
            check=False,
            capture_output=True,
            text=True,
            env=dict(self.environment),
        )

    def _run(self, what: str, command: Sequence[str | Path], log: Path) -> None:
        self.progress.say(f"building {what}")
        run_step(what, command, log=log, environment=self.environment, progress=self.progress)


def product_sources(tree: Path) -> list[Path]:
    """The files that decide how the product's image turns out: those that `.dockerignore` lets in."""
    ignore = tree / ".dockerignore"
    found = [ignore, tree / "Dockerfile"]
    for line in ignore.read_text(encoding="utf-8").splitlines():
        if line.startswith("!"):
            path = tree / line.removeprefix("!")
            found += [path] if path.is_file() else sorted(path.rglob("*"))
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts]


def product_digests(tree: Path) -> dict[str, str]:
    """The SHA-256 of each of these files, by its path in the tree."""
    return {
        str(path.relative_to(tree)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in product_sources(tree)
    }


def _base_key() -> str:
    return _digest("\0".join(_MMDEBSTRAP).encode(), (_DOCKERFILES / "base.Dockerfile").read_bytes())


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:12]


def _last_used(archive: Path) -> float:
    # Another session may have removed it just now.
    return archive.stat().st_mtime if archive.exists() else 0.0


def _forget_old_archives(folder: Path) -> None:
    """Keep the archives used last; each is several hundred megabytes."""
    archives = sorted(folder.glob("*/image.tar"), key=_last_used)
    for archive in archives[:-_KEPT_ARCHIVES]:
        # Another session may be at it, too.
        shutil.rmtree(archive.parent, ignore_errors=True)
