"""Preparing data sets by TensorFlow Datasets, or saying how it is done."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from components.noss_ingest.rows import SourceError, SourceMissing
from schemas.noss_tasks import TfdsSource


def prepare(source: TfdsSource, data_dir: Path, manual_dir: Path | None = None) -> None:
    """Fetches and prepares a data set.

    Args:
      source: Which one.
      data_dir: Where TFDS keeps what it has prepared.
      manual_dir: Where the files are that are to be had by hand only; none: ``downloads/manual`` there.

    Raises:
      SourceMissing: If that fails, with the cause and the command to try it by hand.
      SourceError: If there is no such builder.
    """
    import tensorflow_datasets as tfds

    steps = how_to_prepare(source, data_dir)
    try:
        builder = tfds.builder(full_name(source), data_dir=data_dir, try_gcs=False)
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(try_download_gcs=False, manual_dir=manual_dir)
        )
    except Exception as error:  # builders and their downloads raise whatever they like
        raise SourceMissing(
            f"TFDS could not prepare {full_name(source)} in {data_dir}: {type(error).__name__}: {error}; "
            f"{steps}"
        ) from error


def command(source: TfdsSource, data_dir: Path) -> str:
    """The command that prepares a data set, once what it needs by hand is there."""
    arguments = f"{json.dumps(full_name(source))}, data_dir={json.dumps(str(data_dir.absolute()))}"
    code = f"import tensorflow_datasets as tfds; tfds.builder({arguments}).download_and_prepare()"
    return shlex.join([sys.executable, "-c", code])


def how_to_prepare(source: TfdsSource, data_dir: Path) -> str:
    """The command that prepares a data set, and what has to be done before it.

    Raises:
      SourceError: If there is no such builder.
    """
    import tensorflow_datasets as tfds

    name, _, config = source.builder.partition("/")
    try:
        made_by = tfds.builder_cls(name)
    except tfds.core.registered.DatasetNotFoundError as error:
        raise SourceError(
            f"TFDS has no builder {name!r}; accepted: those that tfds.list_builders() gives"
        ) from error
    if made_by.builder_configs and config not in made_by.builder_configs:
        accepted = ", ".join(f"{name}/{known}" for known in made_by.builder_configs)
        raise SourceError(f"TFDS has no data set {source.builder!r}; accepted: {accepted}")
    data_dir = data_dir.absolute()
    steps = f"to prepare it: {command(source, data_dir)}"
    formats = {kind.to_json_content().file_format for kind in _sounds(made_by, data_dir, config)}
    if formats - {"wav"} and shutil.which("ffmpeg") is None:
        steps += f"; before that, install ffmpeg, by which TFDS reads {', '.join(sorted(formats))}"
    if made_by.MANUAL_DOWNLOAD_INSTRUCTIONS:
        by_hand = " ".join(made_by.MANUAL_DOWNLOAD_INSTRUCTIONS.split())
        steps += f"; before that, by hand, with {data_dir / 'downloads' / 'manual'} as manual_dir: {by_hand}"
    return steps


def _sounds(made_by: Any, data_dir: Path, config: str) -> list[Any]:
    from tensorflow_datasets.core.features import Audio

    features = made_by(data_dir=data_dir, config=config or None).info.features
    return [kind for kind in features.values() if isinstance(kind, Audio)]


def full_name(source: TfdsSource) -> str:
    """What TFDS calls the data set, with the version if one is asked for."""
    return f"{source.builder}:{source.version}" if source.version else source.builder
