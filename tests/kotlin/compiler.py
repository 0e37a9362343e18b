"""Kotlin's compiler, by Java."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.built_programs import java_archives

_POM = Path(__file__).parent / "pom.xml"
_COMPILER = "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"
_SECONDS = 300


def compile_kotlin(sources: Mapping[str, str], folder: Path) -> Path:
    """Compiles files; what the compiler warns of is an error.

    Skips the test that asks where there is no Java or Maven, or the compiler cannot be had.

    Args:
      sources: Text of each file, by its name.
      folder: Gets the files, and in ``classes`` what is made of them.

    Returns:
      The folder of classes.
    """
    archives = _archives()
    for name, text in sources.items():
        (folder / name).write_text(text, encoding="utf-8")
    done = _java(
        "-cp", os.pathsep.join(map(str, archives)), _COMPILER, "-no-reflect", "-no-stdlib", "-Werror",
        "-cp", str(_standard_library()), "-d", str(folder / "classes"),
        *(str(folder / name) for name in sources),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "classes"


def run_kotlin(classes: Path, main: str, given: str = "") -> list[str]:
    """The lines that a program of compiled classes prints.

    Args:
      classes: Folder of classes.
      main: The class with ``main``, as ``MainKt``.
      given: Its standard input.
    """
    done = _java("-cp", os.pathsep.join(map(str, (classes, _standard_library()))), main, given=given)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def _archives() -> list[Path]:
    folder = java_archives("kotlin/java", _POM, "Kotlin is not compiled")
    return sorted(folder.glob("*.jar"))


def _standard_library() -> Path:
    (found,) = [path for path in _archives() if "kotlin-stdlib-" in path.name]
    return found


def _java(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["java", *arguments], input=given, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
