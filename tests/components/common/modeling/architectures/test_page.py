"""The example of ``docs/architectures.md`` works as it stands there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


@pytest.mark.slow
def test_one_file_and_one_test_add_an_architecture(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "architectures.md").read_text(encoding="utf-8")
    network, test = re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    for package in ("components", "schemas", "tests/components/common/modeling/architectures"):
        without_caches = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / package, tmp_path / package, ignore=without_caches)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    (tmp_path / "components/common/modeling/architectures/plain_stack.py").write_text(
        network, encoding="utf-8"
    )
    tests = tmp_path / "tests/components/common/modeling/architectures"
    (tests / "test_plain_stack.py").write_text(test, encoding="utf-8")

    asked_of = [str(tests / name) for name in ("test_plain_stack.py", "test_every_architecture.py")]
    asked = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", "plain_stack or labels", *asked_of],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(tmp_path), "TF_USE_LEGACY_KERAS": "1"},
        capture_output=True,
        text=True,
    )

    # Its own test, three of every architecture (one of them for two patches), and the one of the labels.
    assert "6 passed" in asked.stdout, asked.stdout + asked.stderr
    assert asked.returncode == 0
