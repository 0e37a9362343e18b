"""Imports point down, and never in a circle.

``schemas`` imports nothing of ours; ``components/common`` only itself and ``schemas``; a component only
itself and these two; ``pipeline`` of a component only what it is and how it is set (``component.py``,
``settings.py``) and the modules below, which say why.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("schemas", "components", "pipeline", "infra")

# What of a component others may import beside component.py and settings.py.
PUBLIC: dict[str, set[str]] = {
    # Preflight reads the tables and names of a corpus, or the recordings of a folder, before anything runs.
    "audio_ingest": {
        "labels", "name_match", "recordings.listing", "recordings.manifest", "recordings.survey",
        "row_labels", "segment_rows", "segments", "sources",
    },
    # The doctor says what of a machine can be used.
    "corpus_synthesizer": {"espeak"},
    # `head train` times a classifier beside its bare student.
    "latency_benchmark": {"backends.connection", "executor"},
    # `noss run` measures models without a pipeline, `head train` classifiers by the same protocol.
    "noss_evaluator": {
        "baselines", "clips", "evaluation", "features", "folds", "intervals", "metrics", "models_under_test",
        "probes.candidate", "probes.fitted", "probes.mlp", "probes.scaling", "protocol", "strict", "tasks",
    },
    # What a task's sources are: `noss ls`, `noss validate`, `noss run` and preflight read them.
    "noss_ingest": {
        "choice", "leaks", "manifest", "places", "plan", "rows", "requests", "sources", "splits",
        "task_set", "tfds_prepare",
    },
    # A configuration is refused if its training is too short for its phases.
    # A search's plan is counted before it runs.
    "student_trainer": {"phases", "screen"},
    # A promotion asks a file the converter's questions; `head train` joins files as it does.
    "tflite_converter": {"checks", "join"},
}  # fmt: skip


def modules(root: Path) -> dict[str, Path]:
    """All modules of the rooms by their name."""
    files = (file for room in ROOMS for file in (root / room).rglob("*.py"))
    return {
        ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file
        for file in files
    }


def imported(name: str, file: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """Modules of ours that a module names in its import statements, at any depth, for type checkers too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                found = f"{base}.{alias.name}"
                if found in known or base in known:
                    yield found if found in known else base


def arrows(root: Path) -> dict[str, set[str]]:
    """What each module imports, itself left out."""
    known = modules(root)
    return {name: set(imported(name, file, known)) - {name} for name, file in known.items()}


def may_import(name: str, other: str) -> bool:
    """Whether an arrow points down."""
    room, to = name.split("."), other.split(".")
    if to[0] == "schemas" or to == ["components"]:
        return to[0] == "schemas" or room[0] != "schemas"
    if room[0] == "schemas":
        return False
    if to[0] == "components":
        if to[1] == "common":
            return True
        if room[0] == "components" and room[1:2] == to[1:2]:
            return True
        what = ".".join(to[2:])
        return room[0] != "components" and what in {"component", "settings", *PUBLIC.get(to[1], ())}
    return room[0] in ("pipeline", "infra") and (to[0] == "pipeline" or room[0] == "infra")


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Modules that import each other, directly or not: what is left when all others are taken away."""
    left = {name: set(others) for name, others in graph.items()}
    while True:
        needed = set().union(*left.values()) if left else set()
        gone = [name for name, others in left.items() if not others & left.keys() or name not in needed]
        if not gone:
            return [sorted(left)] if left else []
        for name in gone:
            del left[name]


def test_arrows_point_down() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, others in sorted(arrows(ROOT).items())
        for other in sorted(others)
        if not may_import(name, other)
    ]
    assert wrong == []


def test_there_are_no_circles() -> None:
    assert circles(arrows(ROOT)) == []


def test_schemas_name_no_module_above_them() -> None:
    known = modules(ROOT)
    named = [
        f"{name}:{node.lineno}: {node.value}"
        for name, file in known.items()
        if name.startswith("schemas")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in known and "." in str(node.value)
        if not str(node.value).startswith("schemas")
    ]
    assert named == []


def test_what_points_up_or_in_a_circle_is_found(tmp_path: Path) -> None:
    for file, text in {
        "schemas/reports.py": "def late():\n    from components.common import tools\n",
        "components/common/tools.py": "import schemas.reports\nfrom components.gate.rules import rule\n",
        "components/gate/rules.py": "from . import inner\nfrom components.pusher.card import card\n",
        "components/gate/inner.py": "if TYPE_CHECKING:\n    from components.gate import rules\n",
        "components/gate/settings.py": "import pipeline.run\n",
        "components/pusher/card.py": "",
        "pipeline/run.py": "from components.gate import settings\nfrom components.gate import inner\n",
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    found = arrows(tmp_path)
    assert {
        (name, other) for name, others in found.items() for other in others if not may_import(name, other)
    } == {
        ("schemas.reports", "components.common.tools"),
        ("components.common.tools", "components.gate.rules"),
        ("components.gate.rules", "components.pusher.card"),
        ("components.gate.settings", "pipeline.run"),
        ("pipeline.run", "components.gate.inner"),
    }
    (circle,) = circles(found)
    assert {"components.gate.rules", "components.gate.inner", "schemas.reports"} <= set(circle)
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
