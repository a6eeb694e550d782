"""Remove the modules of an installed package that Pollwatch never imports.

python keep_imported.py PACKAGE...

Run by the Dockerfile, with the Python of the environment that is to be shipped; nothing else
needs it. A package such as `kubernetes` is one module for each API type in the world, of which the
operator touches a few dozen. What is kept: what importing all of `pollwatch` loads, and what is named, in
turn, of the lazily imported modules by those parts of the package that Pollwatch imports itself
(a model names the models in it as text).
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

_NAME = re.compile(r"[A-Za-z_]\w*")


def import_all(package: str) -> None:
    """Import a package and every module in it but its `__main__`."""
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def parts_imported(package: str, *, by: str) -> frozenset[str]:
    """The modules of `package` that the loaded modules of another import, each by its full name."""
    return frozenset(
        name
        for module in _loaded(by)
        for name in _imports_of(Path(module.__file__ or ""))
        if name == package or name.startswith(f"{package}.")
    )


def load_what_is_named(parts: frozenset[str]) -> None:
    """Import what the loaded modules in some parts name of their lazy exports, until nothing new is named."""
    read: set[str] = set()
    while unread := [
        module for part in sorted(parts) for module in _loaded(part) if module.__name__ not in read
    ]:
        read.update(module.__name__ for module in unread)
        # A module with a list of exports names all that there is; that is not a use.
        users = [module for module in unread if not _exports(module)]
        named = {name for module in users for name in _names_in(Path(module.__file__ or ""))}
        for module in {id(m): m for part in parts for m in _loaded(part) if _exports(m)}.values():
            for name in sorted(named & _exports(module).keys()):
                getattr(module, name)


def remove_others(package: str) -> tuple[int, int]:
    """Delete the modules of a package that are not loaded, with their bytecode.

    Returns:
        Bytes of the modules that are kept, and of those that were removed.
    """
    home = Path(importlib.import_module(package).__path__[0])
    needed = {Path(module.__file__ or "") for module in _loaded(package)}
    kept = removed = 0
    for path in sorted(home.rglob("*.py")):
        compiled = Path(importlib.util.cache_from_source(str(path)))
        files = [file for file in (path, compiled) if file.exists()]
        size = sum(file.stat().st_size for file in files)
        if path in needed:
            kept += size
            continue
        removed += size
        for file in files:
            file.unlink()
    for folder in sorted((path for path in home.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    return kept, removed


def _exports(module: ModuleType) -> dict[str, str]:
    found = vars(module).get("_exports")
    return found if isinstance(found, dict) and "__getattr__" in vars(module) else {}


def _loaded(package: str) -> list[ModuleType]:
    return [
        module
        for name, module in list(sys.modules.items())
        if (name == package or name.startswith(f"{package}.")) and getattr(module, "__file__", None)
    ]


def _imports_of(source: Path) -> set[str]:
    return {
        name
        for node in ast.walk(ast.parse(source.read_bytes()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }


def _names_in(source: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_bytes())):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.alias):
            names.add(node.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.update(_NAME.findall(node.value))
    return names


def main(packages: list[str]) -> int:
    """Do it for each package, and say what it saved."""
    import_all("pollwatch")
    for package in packages:
        load_what_is_named(parts_imported(package, by="pollwatch"))
        kept, removed = remove_others(package)
        print(f"{package}: kept {kept / 1e6:.1f} MB of modules, removed {removed / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
