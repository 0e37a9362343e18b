"""Addresses in an object store, and the launcher's folders that stand for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.kubeflow.places import PlaceError, local_path, remote_uri


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("minio://mlpipeline/v2/a", "/minio/mlpipeline/v2/a"),
        ("s3://runs/a/b", "/s3/runs/a/b"),
        ("gs://runs/a", "/gcs/runs/a"),
    ],
)
def test_there_and_back(uri: str, path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TINYTRILL_LAUNCHER_ROOT", raising=False)
    assert local_path(uri) == path
    assert remote_uri(path) == uri
    monkeypatch.setenv("TINYTRILL_LAUNCHER_ROOT", str(tmp_path))
    assert local_path(uri) == f"{tmp_path}{path}"
    assert remote_uri(f"{tmp_path}{path}") == uri
    # Without the launcher's root before it, it is somebody else's folder.
    assert remote_uri(path) == path


@pytest.mark.parametrize("path", ["/data/a", "relative/a", "", "/s3", "/s3x/a"])
def test_a_path_stays_as_it_is(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINYTRILL_LAUNCHER_ROOT", raising=False)
    assert local_path(path) == path
    assert remote_uri(path) == path


@pytest.mark.parametrize("uri", ["hdfs://host/a", "S3://bucket/a", "https://host/a"])
def test_an_unknown_scheme_is_refused_with_what_is_accepted(uri: str) -> None:
    with pytest.raises(PlaceError, match=f"{uri}: accepted: minio://, s3://, gs:// and paths"):
        local_path(uri)
