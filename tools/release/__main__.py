"""Say whether this tree could be released: all of one version, and a wheel that works by itself.

python -m tools.release [--tag vX.Y.Z] [--image ARCHIVE]

With a tag, it must be the version, and the changelog must have a section for it. Exit code 1 when
something is not right; each such line says what to do.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.bootstrap import CannotGoOnError, find_uv
from tools.release import versions, wheel

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Check everything, print a line for each thing, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=__doc__.splitlines()[0])
    parser.add_argument("--tag", help="the tag of the release, such as v1.2.3")
    parser.add_argument("--image", type=Path, help="an archive of the image, as `docker save` writes it")
    options = parser.parse_args(arguments)
    version = versions.in_source(ROOT)
    print(f"Pollwatch {version}, as operator/pollwatch/__init__.py says")
    findings = [*versions.in_chart(ROOT), *versions.in_texts(ROOT)]
    if options.tag is not None:
        tag = options.tag.removeprefix("v")
        findings += [
            versions.Finding(where="the tag", version=tag, remedy="set __version__, or tag anew"),
            versions.in_changelog(ROOT, version),
        ]
    if options.image is not None:
        findings.append(versions.in_image(options.image))
    wrong = [finding for finding in findings if finding.version != version]
    for finding in wrong:
        said = f"says {finding.version}" if finding.version else f"does not say {version}"
        print(f"not right: {finding.where} {said}: {finding.remedy}")
    print(f"{len(findings) - len(wrong)} of {len(findings)} other places say the same")
    return 1 if not _wheel_works(version) or wrong else 0


def _wheel_works(version: str) -> bool:
    try:
        uv = str(find_uv(os.environ))
        with tempfile.TemporaryDirectory(prefix="pollwatch-release-") as name:
            folder = Path(name)
            built = wheel.build(ROOT, folder / "dist", uv)
            print(f"built {built.name}, {built.stat().st_size / 1e3:.0f} kB")
            pollwatch = wheel.install(built, ROOT, folder, uv)
            found = wheel.version_of(pollwatch)
            if found != version:
                print(f"not right: the wheel says {found}")
                return False
            wheel.probe_a_site(pollwatch, folder)
    except CannotGoOnError as error:
        print(f"not right: {error}")
        return False
    except subprocess.CalledProcessError as error:
        print(
            f"not right: {' '.join(error.cmd)} ended with {error.returncode}:\n{error.output}{error.stderr}"
        )
        return False
    print("the wheel installs by itself, and `pollwatch run` probes with it")
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
