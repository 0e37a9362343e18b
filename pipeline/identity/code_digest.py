"""Fingerprints of code, so that a changed component is run again instead of answered from the cache.

TFX's cache looks at inputs and parameters, never at a component's code. A component is what lies in its
folder and what that imports of the project, and no more: a new network must not make AudioSet be
ingested again. What counts is what the code does: layout, comments, docstrings and the descriptions of
settings and reports do not. The versions of the libraries it computes with count too
(:mod:`pipeline.identity.library_versions`).
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from pipeline.identity.library_versions import locked_versions, versions

_ROOT = Path(__file__).resolve().parents[2]
_PROJECT = frozenset({"components", "infra", "pipeline", "schemas"})
# What a package finds its own modules by.
_KIND_MODULES = "components.common.registry.modules"
_SCRIPT = re.compile(r"\w+\.py")


@cache
def code_digest(component: str, in_image: bool = False) -> str:
    """Digest of what ``components/<component>`` is made of: 16 hexadecimal digits.

    Args:
      component: Name of its folder.
      in_image: It will run in the image, whose libraries are those of ``requirements.lock``, and not with
        those that are installed here.

    Raises:
      SyntaxError: If a module cannot be parsed; it names the file.
    """
    digest = hashlib.sha256()
    files = sources(component)
    for file in sorted(files):
        name = file.relative_to(_ROOT).as_posix()
        content = _module(file).digest if file.suffix == ".py" else _sha256(file.read_bytes())
        digest.update(json.dumps([name, content]).encode())
    lock = _ROOT / "requirements.lock"
    locked = locked_versions(lock.read_text(encoding="utf-8")) if in_image and lock.is_file() else None
    digest.update(json.dumps(sorted(versions(_libraries(files), locked).items())).encode())
    return digest.hexdigest()[:16]


def sources(component: str) -> set[Path]:
    """All files of a component's folder, and the project's modules that they import, directly or not.

    With a module come the packages that it lies in, since Python runs them first; but not what these import
    in turn, which is there for those who ask the package for it.
    """
    folder = _ROOT / "components" / component
    found: set[Path] = set()
    waiting = [file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _imported(file) if file.suffix == ".py" else []
    return found | {package for file in found for package in _packages(file)}


def third_party(component: str) -> dict[str, set[str]]:
    """The other libraries that a component's modules import, at any depth, and which module imports each.

    Returns:
      Names as ``tensorflow``, and for each the paths of the modules that import it, as
      ``components/common/modeling/frontend.py``.
    """
    return _libraries(sources(component))


def _libraries(files: Iterable[Path]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for file in files:
        if file.suffix == ".py":
            for name in _names(file):
                top = name.partition(".")[0]
                if top not in _PROJECT:
                    found.setdefault(top, set()).add(file.relative_to(_ROOT).as_posix())
    return found


def _imported(file: Path) -> Iterator[Path]:
    """Files of the project's modules that a module names in its import statements, at any depth.

    A package that finds its own modules imports all of them. A script that a module names beside itself,
    because it is started or shipped and not imported, counts like an import.
    """
    yield from (place for name in _module(file).scripts if (place := file.with_name(name)).is_file())
    for name in _names(file):
        if name == _KIND_MODULES:
            yield from file.parent.glob("*.py")
        if name.partition(".")[0] not in _PROJECT:
            continue
        path = _ROOT.joinpath(*name.split("."))
        yield from (place for place in (path.with_suffix(".py"), path / "__init__.py") if place.is_file())


def _packages(file: Path) -> Iterator[Path]:
    for folder in file.relative_to(_ROOT).parents:
        package = _ROOT / folder / "__init__.py"
        if folder.name and package.is_file():
            yield package


def _names(file: Path) -> Iterator[str]:
    """What the import statements of a module name; of ``from a import b`` it may be ``a`` or ``a.b``."""
    for level, package, names in _module(file).imports:
        # One dot is the module's own package.
        own = file.relative_to(_ROOT).parents[level - 1].parts if level else ()
        absolute = ".".join([*own, *([package] if package else [])])
        yield from [absolute] if absolute else []
        yield from (".".join(filter(None, (absolute, name))) for name in names)


@dataclass(frozen=True)
class _Module:
    """What a module imports and does.

    Attributes:
      imports: Of each import statement the dots, the package after ``from``, and what is imported.
      scripts: File names of Python scripts among its strings.
      digest: Of what it does.
    """

    imports: tuple[tuple[int, str, tuple[str, ...]], ...]
    scripts: tuple[str, ...]
    digest: str


def _module(file: Path) -> _Module:
    try:
        return _parsed(file.read_bytes())
    except SyntaxError as error:
        error.filename = str(file)
        raise


@lru_cache(maxsize=2048)
def _parsed(source: bytes) -> _Module:
    tree = _Essence().visit(ast.parse(source))
    imports: list[tuple[int, str, tuple[str, ...]]] = []
    scripts: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            imports.append((node.level, node.module or "", tuple(alias.name for alias in node.names)))
        elif isinstance(node, ast.Import):
            imports += [(0, "", (alias.name,)) for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _SCRIPT.fullmatch(node.value):
            scripts.append(node.value)
    return _Module(tuple(imports), tuple(scripts), _sha256(ast.dump(tree, annotate_fields=False).encode()))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class _Essence(ast.NodeTransformer):
    """Leaves out docstrings, imports for type checkers, and the descriptions of fields.

    Positions and comments are in no dump of a tree.
    """

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        # A constant that nobody takes: a docstring, or the dots of an empty body.
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        name = node.test.attr if isinstance(node.test, ast.Attribute) else getattr(node.test, "id", "")
        return node.orelse if name == "TYPE_CHECKING" else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "Field":
            node.keywords = [keyword for keyword in node.keywords if keyword.arg != "description"]
        return self.generic_visit(node)
