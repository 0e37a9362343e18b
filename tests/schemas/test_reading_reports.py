"""Whatever is wrong with a report on disk is one error that names the file and the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.settings import UnreadableReport
from schemas.verdicts import Verdict


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"verdict\.json is not a valid verdict: file: Invalid JSON: EOF"),
        (b"[]", r"verdict\.json is not a valid verdict: file: Input should be an object"),
        (b"\xff\xfe", r"verdict\.json is not a valid verdict: file: "),
        (b"[" * 100_000, r"verdict\.json is not a valid verdict: file: Invalid JSON: recursion limit"),
        (b'{"run_name": 7}', r"verdict\.json is not a valid verdict: run_name: .* \(and 7 more faults\)"),
    ],
)
def test_a_report_that_holds_something_else(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / Verdict.FILE).write_bytes(content)
    with pytest.raises(UnreadableReport, match=message) as raised:
        Verdict.load(tmp_path)
    assert not raised.value.missing


def test_a_report_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnreadableReport, match=r"verdict\.json cannot be read \(No such file") as raised:
        Verdict.load(tmp_path)
    assert raised.value.missing
    (tmp_path / Verdict.FILE).mkdir()
    with pytest.raises(UnreadableReport, match=r"verdict\.json cannot be read \(Is a directory") as raised:
        Verdict.load(tmp_path)
    assert not raised.value.missing
