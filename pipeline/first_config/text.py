"""The text of a first configuration: short, commented, with the published schema in its first line."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml

from pipeline.configuration.json_schemas import schema_file
from pipeline.first_config.findings import Found
from schemas.plain_text import plain

_STUDENTS = """\
students:
  # Three sizes of one family; docs/architectures.md has the others.
  explicit:
    - architecture: &tiny {name: mobilenet_v3, size: tiny, width: 0.5}
      embedding_width: 512
      statistics_skip: true
    - {architecture: *tiny, embedding_width: 1024, statistics_skip: true}
    - architecture: {name: mobilenet_v3, size: small, width: 0.5}
      embedding_width: 1024
      statistics_skip: true
"""
_HOST_GATE = (
    "gate:",
    "  # This machine's figures are no phone's: measure on a phone (--device adb) before you ship.",
    "  host_may_bless: true",
    "",
)


def schema_line(path: Path) -> str:
    """The comment by which editors find the published schema, relative to a configuration's folder."""
    folder = path.resolve().parent
    return f"# yaml-language-server: $schema={os.path.relpath(schema_file('config'), folder)}"


def name_of(path: Path) -> str:
    """Name of a run, by the name of its configuration's file."""
    name = re.sub(r"[^a-z0-9_-]+", "_", path.stem.lower()).strip("_-")
    return (name if name[:1].isalpha() else f"run_{name}").ljust(2, "_")[:40]


def render(path: Path, corpus: Found, tasks: Found, teacher: Found, device: Found) -> str:
    """The configuration's text.

    Args:
      path: The file it is for.
      corpus: The sound.
      tasks: What measures quality.
      teacher: What is distilled.
      device: What latency is measured on.
    """
    return "\n".join(
        [
            schema_line(path),
            "# What is not here has its default; the schema above has every setting.",
            f"name: {name_of(path)}",
            "",
            *_section("corpus", corpus.section, corpus.said),
            *_section("noss", tasks.section, f"Tasks that measure quality: {tasks.said}."),
            *_section(
                "distillation",
                {"teacher": {**teacher.section, "licence": ""}},
                f"Teacher: {teacher.said}. Its licence goes to the cards of the students.",
            ),
            _STUDENTS,
            *_section(
                "latency",
                {"devices": dict(device.section)},
                f"Measured on {device.said}; a file within the budget may be pushed.",
            ),
            *(_HOST_GATE if "host" in device.section else ()),
        ]
    )


def _section(key: str, values: Any, comment: str) -> list[str]:
    body: str = yaml.safe_dump({key: values}, sort_keys=False, allow_unicode=True, width=100)
    first, _, rest = body.partition("\n")
    return [first, f"  # {plain(comment)}", rest]
