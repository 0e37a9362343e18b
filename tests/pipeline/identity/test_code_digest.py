"""A component's digest follows what its own code does, and what that imports and computes with."""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.identity import code_digest as module
from pipeline.identity import library_versions
from pipeline.identity.code_digest import code_digest, sources, third_party
from pipeline.identity.library_versions import locked_versions, versions
from tests.pipeline.digest_contents import MAY_HOLD

ROOT = Path(__file__).resolve().parents[3]
COMPONENTS = sorted(path.parent.name for path in ROOT.glob("components/*/component.py"))
# What trains, takes in, converts or measures: each takes long, and none may run again for nothing.
COSTLY = [
    "audio_ingest",
    "noss_ingest",
    "teacher_embedder",
    "teacher_trainer",
    "student_trainer",
    "tflite_converter",
    "noss_evaluator",
    "latency_benchmark",
]

Digest = Callable[[str], str]


def _outside(component: str) -> set[str]:
    """The modules outside a component's folder that its digest holds, packages left out."""
    names = {file.relative_to(module._ROOT).as_posix() for file in sources(component)}
    return {
        name.removesuffix(".py")
        for name in names
        if not name.startswith(f"components/{component}/") and not name.endswith("/__init__.py")
    }


def _refused(component: str) -> set[str]:
    """What a digest holds although nobody said that it may."""
    allowed = MAY_HOLD.get(component, {})
    return {
        name
        for name in _outside(component)
        if not {"*", Path(name).name} & set(allowed.get(Path(name).parent.as_posix(), "").split())
    }


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the code that may be changed."""
    for folder in ("components", "schemas"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(module, "_ROOT", tmp_path)
    code_digest.cache_clear()
    yield tmp_path
    code_digest.cache_clear()


@pytest.fixture
def digest() -> Iterator[Digest]:
    """Takes a digest anew."""

    def taken(component: str) -> str:
        code_digest.cache_clear()
        return code_digest(component)

    yield taken
    code_digest.cache_clear()


def _change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


# --- which files


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_digest_holds_what_it_may_and_no_more(component: str) -> None:
    assert _refused(component) == set()


@pytest.mark.parametrize("component", COMPONENTS)
def test_nothing_is_allowed_that_is_not_there(component: str) -> None:
    allowed = {
        f"{folder}/{name}"
        for folder, names in MAY_HOLD[component].items()
        for name in names.split()
        if name != "*"
    }
    assert allowed <= _outside(component)


@pytest.mark.parametrize("component", COSTLY)
@pytest.mark.parametrize("name", ["verdicts", "push_reports", "run_records", "comparison_reports"])
def test_an_import_of_a_later_report_is_noticed(component: str, name: str, copy: Path) -> None:
    executor = copy / "components" / component / "executor.py"
    _change(
        executor,
        "from __future__ import annotations\n",
        f"from __future__ import annotations\nimport schemas.{name}\n",
    )
    assert f"schemas/{name}" in _refused(component)


def test_an_import_is_found_wherever_it_stands(copy: Path) -> None:
    executor = copy / "components" / "student_trainer" / "executor.py"
    text = executor.read_text(encoding="utf-8")
    for imported in (
        "def later():\n    from schemas import verdicts\n",
        "def later():\n    from schemas.verdicts import Verdict\n",
        "class Late:\n    import schemas.verdicts as v\n",
        "try:\n    from ...schemas import verdicts\nexcept ImportError:\n    pass\n",
    ):
        executor.write_text(f"{text}\n\n{imported}", encoding="utf-8")
        assert "schemas/verdicts" in _refused("student_trainer"), imported


def test_a_component_is_its_folder_and_its_imports() -> None:
    outside = _outside("student_trainer")
    assert {"components/common/modeling/architectures/mobilenet_v3", "schemas/records"} <= outside
    assert ROOT / "components/student_trainer/distiller.py" in sources("student_trainer")


def test_the_packages_of_a_module_run_before_it() -> None:
    # schemas/__init__.py chooses Keras 2.
    assert all(ROOT / "schemas" / "__init__.py" in sources(component) for component in COMPONENTS)


def test_a_template_is_part_of_its_component() -> None:
    assert ROOT / "components/frontier_gate/page/templates/page.html.j2" in sources("frontier_gate")


# --- what of them


def test_components_differ_and_a_digest_is_stable() -> None:
    assert code_digest("audio_ingest") == code_digest("audio_ingest") != code_digest("noss_ingest")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        # A comment, a line more, other quotes and brackets.
        ("components/student_trainer/losses.py", "\nimport ", "\n# why\n\n\nimport "),
        ("schemas/students.py", '"gap"', "'gap'"),
        ("schemas/settings.py", "sort_keys=True)", "sort_keys=(True),\n        )"),
        # Docstrings of a module, a class and a function.
        ("schemas/settings.py", '"""The base', '"""Another word about the base'),
        ("schemas/settings.py", '"""Immutable settings', '"""Really immutable settings'),
        ("schemas/settings.py", '"""Refuses a range', '"""Does not take a range'),
        # The description of a field, as a string of several lines too.
        ("schemas/student_reports.py", "Readable name of the candidate.", "A name."),
        ("schemas/students.py", "description=", "description='Or else.' "),
        # What only a type checker reads.
        ("schemas/students.py", "if TYPE_CHECKING:\n", "if TYPE_CHECKING:\n    import schemas.verdicts\n"),
    ],
)
def test_what_changes_nothing_changes_no_digest(
    file: str, old: str, new: str, copy: Path, digest: Digest
) -> None:
    before = digest("student_trainer")
    _change(copy / file, old, new)
    assert digest("student_trainer") == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("components/student_trainer/window_store.py", "_OUTLIER = 8.0", "_OUTLIER = 8.5"),
        ("components/common/modeling/frontend.py", "def ", "def other_"),
        ("schemas/students.py", "16_000, gt=0", "16_000, gt=1"),
        ("schemas/students.py", "16_000, gt=0", "8_000, gt=0"),
        ("schemas/__init__.py", '"TF_USE_LEGACY_KERAS"] = "1"', '"TF_USE_LEGACY_KERAS"] = "0"'),
    ],
)
def test_what_changes_results_changes_the_digest(
    file: str, old: str, new: str, copy: Path, digest: Digest
) -> None:
    before = digest("student_trainer")
    _change(copy / file, old, new)
    assert digest("student_trainer") != before


def test_a_file_that_is_no_code_counts_as_it_is(copy: Path, digest: Digest) -> None:
    before = digest("frontier_gate")
    page = copy / "components/frontier_gate/page/templates/page.html.j2"
    page.write_text(page.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert digest("frontier_gate") != before


def test_a_further_module_counts(copy: Path, digest: Digest) -> None:
    before = digest("teacher_trainer")
    (copy / "components/teacher_trainer/further.py").write_text('"""Nothing."""\n', encoding="utf-8")
    assert digest("teacher_trainer") != before


def test_another_verdict_concerns_the_gate_and_the_pusher_only(copy: Path, digest: Digest) -> None:
    before = {component: digest(component) for component in COMPONENTS}
    verdicts = copy / "schemas/verdicts.py"
    verdicts.write_text(verdicts.read_text(encoding="utf-8") + "\n\nMORE = 1\n", encoding="utf-8")
    changed = {component for component in COMPONENTS if digest(component) != before[component]}
    assert changed == {"frontier_gate", "frontier_pusher"}


# --- which libraries

TENSORFLOW = {"numpy", "scipy", "tensorflow", "tf-keras"}
CODECS = {"av", "av.library", "soundfile", "soundfile.library", "soxr", "soxr.library"}


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        # Ingestion writes records with TensorFlow's classes and computes nothing with it.
        ("audio_ingest", {*CODECS, "numpy"}),
        ("noss_ingest", {*CODECS, "numpy", "scipy", "tensorflow", "tensorflow-datasets"}),
        ("corpus_synthesizer", {*CODECS, "numpy", "scipy", "espeakng-loader"}),
        (
            "teacher_embedder",
            {*TENSORFLOW, "ai-edge-litert", "onnxruntime", "soxr", "soxr.library"},
        ),
        ("teacher_trainer", {"numpy", "tensorflow", "tf-keras"}),
        ("student_trainer", {*TENSORFLOW, "scikit-learn", "tensorflow-model-optimization"}),
        (
            "tflite_converter",
            {*TENSORFLOW, "scikit-learn", "tensorflow-model-optimization", "ai-edge-litert"},
        ),
        (
            "noss_evaluator",
            {
                *TENSORFLOW, "ai-edge-litert", "onnxruntime", "scikit-learn", "soxr", "soxr.library", "av",
                "av.library", "tensorflow-model-analysis",
            },
        ),
        ("latency_benchmark", {"ai-edge-litert", "numpy", "scipy", "tflite-micro"}),
        ("noss_comparison", {"numpy"}),
        ("frontier_gate", {"numpy", "scipy"}),
        # It writes down which versions serve a model.
        ("frontier_pusher", {"ai-edge-litert", "numpy"}),
    ],
)  # fmt: skip
def test_the_libraries_that_compute_are_known(component: str, expected: set[str]) -> None:
    assert set(versions(third_party(component))) == expected


def test_the_versions_are_those_that_are_installed() -> None:
    found = versions(third_party("tflite_converter"))
    assert found["tensorflow"] == importlib.metadata.version("tensorflow")
    assert found["ai-edge-litert"] == importlib.metadata.version("ai-edge-litert")
    assert "absent" not in found.values()


@pytest.mark.parametrize(
    ("upgraded", "runs_again"),
    [
        ("soxr", {"audio_ingest", "noss_ingest", "corpus_synthesizer", "teacher_embedder", "noss_evaluator"}),
        ("tensorflow-model-optimization", {"student_trainer", "tflite_converter"}),
        (
            "ai-edge-litert",
            {
                "teacher_embedder",
                "tflite_converter",
                "noss_evaluator",
                "latency_benchmark",
                "frontier_pusher",
            },
        ),
        ("mlflow", set()),
        ("pydantic", set()),
    ],
)
def test_an_upgrade_runs_those_again_that_compute_with_it(
    upgraded: str, runs_again: set[str], digest: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    components = [component for component in COMPONENTS if component != "record_validator"]
    before = {component: digest(component) for component in components}
    installed = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: "99.0" if name == upgraded else installed(name)
    )
    assert {component for component in components if digest(component) != before[component]} == runs_again


def test_what_runs_in_the_image_counts_the_versions_of_the_image(
    copy: Path, digest: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = copy / "requirements.lock"
    shutil.copyfile(ROOT / "requirements.lock", lock)
    before = code_digest("tflite_converter", in_image=True), digest("tflite_converter")
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "99.0")  # on the machine that compiles
    code_digest.cache_clear()
    assert code_digest("tflite_converter", in_image=True) == before[0]
    assert code_digest("tflite_converter") != before[1]
    tensorflow = importlib.metadata.distribution("tensorflow").version
    _change(lock, f"\ntensorflow=={tensorflow}", "\ntensorflow==98.0")
    code_digest.cache_clear()
    assert code_digest("tflite_converter", in_image=True) != before[0]


def test_the_lock_pins_whatever_computes() -> None:
    locked = locked_versions((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    for component in COMPONENTS:
        assert "absent" not in versions(third_party(component), locked).values()
    text = (
        "av==17.0.0 \\\n    --hash=sha256:aa==\napache-beam[aws,gcp]==2.60 ; python_version > '3'\n# a==1\n"
    )
    assert locked_versions(text) == {"av": "17.0.0", "apache-beam": "2.60"}


def test_another_ffmpeg_below_the_same_package_counts(
    digest: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest("audio_ingest")
    monkeypatch.setattr(library_versions, "_native_version", lambda name: "another")
    assert digest("audio_ingest") != before


def test_a_library_that_nobody_thought_of_counts(copy: Path) -> None:
    executor = copy / "components/student_trainer/executor.py"
    text = executor.read_text(encoding="utf-8")
    executor.write_text(f"{text}\n\ndef later():\n    import psycho_acoustics.masking\n", encoding="utf-8")
    assert versions(third_party("student_trainer"))["psycho-acoustics"] == "absent"


def test_a_library_counts_where_one_module_stores_with_it_and_another_computes() -> None:
    store, compute = "schemas/records.py", "components/common/modeling/frontend.py"
    assert "tensorflow" not in versions({"tensorflow": {store}})
    assert "tensorflow" in versions({"tensorflow": {store, compute}})
