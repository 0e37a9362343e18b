"""Command lines of Java."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

# Spark and Flink reach into Java's own classes, as their start scripts allow them to.
_OPENED = (
    "java.base/java.lang", "java.base/java.lang.invoke", "java.base/java.io", "java.base/java.net",
    "java.base/java.nio", "java.base/java.util", "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic", "java.base/sun.nio.ch", "java.base/sun.security.action",
)  # fmt: skip
OPENED = [f"--add-opens={package}=ALL-UNNAMED" for package in _OPENED]


def java(archives: Sequence[Path], main: str, *arguments: str, machine: Sequence[str] = ()) -> list[str]:
    """A program's command line.

    Args:
      archives: What it is made of.
      main: The class.
      arguments: For it.
      machine: Options for Java itself.
    """
    classes = ":".join(map(str, archives))
    # Several programs of short life share two cores: the small compiler is enough, and starts sooner.
    options = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *OPENED, *machine]
    return ["java", *options, "-cp", classes, main, *arguments]
