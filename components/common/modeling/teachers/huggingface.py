"""Teachers from the Hugging Face Hub, or from a folder in its form."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from components.common.modeling.teachers.base import Array, Teacher, TeacherError, digest_files
from schemas.teacher_sources import CHECKPOINT_FILES, how_to_download
from schemas.teachers import HuggingFaceTeacher

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"

_SAMPLE_RATE = 16_000
# Types of numbers in safetensors files.
_BFLOAT16 = "BF16"
_FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
_OTHERS = {"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "?"}
# Half a minute at once: attention's memory grows with the square of a sound's length.
_BATCH_SAMPLES = 480_000

log = logging.getLogger("tinytrill.modeling")


class HuggingFaceEncoder(Teacher):
    """Wav2Vec 2.0 or HuBERT: the mean over time of the wanted hidden states."""

    def __init__(self, spec: HuggingFaceTeacher) -> None:
        """Finds the checkpoint, and builds the network of it.

        Raises:
          TeacherError: If the repository cannot be had, a file is missing, the network is of another kind
            or the weights are not its own.
        """
        import tensorflow as tf

        from components.common.modeling.teachers.wav2vec2 import (
            EncoderConfig,
            Wav2Vec2Encoder,
            encoder_weights,
        )

        folder = Path(spec.path) if spec.path else fetch(spec)
        try:
            config = EncoderConfig.model_validate(_read_json(folder / CONFIG))
        except ValidationError as error:
            raise TeacherError(
                f"{folder / CONFIG} is not of a network that can be built:\n  {_differences(error)}"
            ) from error
        files = _weight_files(folder)
        try:
            network = Wav2Vec2Encoder(config, encoder_weights(_read_weights(files), config))
        except TeacherError as error:
            raise TeacherError(f"{folder}: {error}") from error
        layers = _layers(spec, config.num_hidden_layers, folder)
        preprocessor = folder / PREPROCESSOR
        read = [folder / CONFIG, *([preprocessor] if preprocessor.is_file() else []), *files]
        super().__init__(
            spec.name or spec.repo or folder.name,
            digest_files(read),
            spec.window_samples,
            spec.hop_samples,
            _wants_normalised(preprocessor) if spec.normalise is None else spec.normalise,
        )
        self._shortest = config.shortest

        @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float32)], autograph=False)
        def embed(waveforms: tf.Tensor) -> tf.Tensor:
            states = network.hidden_states(waveforms, layers)
            return tf.reduce_mean(tf.add_n(states) / len(states), axis=1)

        self._call = embed

    def _embed(self, waveforms: Array) -> Array:
        batch = max(1, _BATCH_SAMPLES // waveforms.shape[1])
        parts = [
            self._call(waveforms[start : start + batch]).numpy() for start in range(0, len(waveforms), batch)
        ]
        return np.concatenate(parts)


def fetch(spec: HuggingFaceTeacher) -> Path:
    """Folder of a repository in huggingface_hub's cache; downloaded if it does not exist and may be.

    The cache and the Hub's address are the library's own: ``HF_HOME``, ``HF_HUB_CACHE``, ``HF_ENDPOINT``,
    and ``HF_HUB_OFFLINE``, which forbids any download.

    Raises:
      TeacherError: If it cannot be had, with what to do.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    def snapshot(local_files_only: bool) -> Path:
        return Path(
            snapshot_download(
                spec.repo,
                revision=spec.revision,
                allow_patterns=list(CHECKPOINT_FILES),
                local_files_only=local_files_only,
            )
        )

    try:
        return snapshot(local_files_only=True)
    except HFValidationError as error:
        raise TeacherError(f"{spec.repo!r} is not a name of a repository: {error}") from error
    except LocalEntryNotFoundError as error:
        if not spec.download:
            raise TeacherError(
                f"{spec.repo} at {spec.revision} is not in the cache: "
                f"{how_to_download(spec.repo, spec.revision)}"
            ) from error
    log.info("downloading %s at %s", spec.repo, spec.revision)
    try:
        return snapshot(local_files_only=False)
    except (OSError, HfHubHTTPError) as error:
        raise TeacherError(
            f"cannot download {spec.repo} at {spec.revision} ({error}): "
            f"{how_to_download(spec.repo, spec.revision)}"
        ) from error


def _differences(error: ValidationError) -> str:
    return "\n  ".join(
        f"{'.'.join(map(str, one['loc'])) or 'config'} is {one['input']!r}: {one['msg']}"
        if one["type"] != "missing"
        else f"{'.'.join(map(str, one['loc']))} is missing"
        for one in error.errors()
    )


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise TeacherError(f"{path.parent} holds no {path.name}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TeacherError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise TeacherError(f"{path} must hold a JSON object, not {type(content).__name__}")
    return content


def _weight_files(folder: Path) -> list[Path]:
    """The checkpoint's safetensors: one, or the shards of an index (which comes first)."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        shards = [folder / name for name in _shards(folder / INDEX)]
        missing = [shard.name for shard in shards if not shard.is_file()]
        if missing:
            raise TeacherError(f"{folder / INDEX} names {', '.join(missing)}, which {folder} does not hold")
        return [folder / INDEX, *shards]
    raise TeacherError(
        f"{folder} holds no {WEIGHTS}. A pytorch_model.bin is a pickle, which may run any code, and is never "
        'read: convert it once, in an environment with transformers and torch, by `python -c "from '
        "transformers import AutoModel as M; M.from_pretrained('<repo or folder>')"
        f".save_pretrained('<new folder>')\"`, copy {PREPROCESSOR} beside it and give the new folder as "
        "`path`; the Hub may also have a converted copy under a `revision` refs/pr/<number>"
    )


def _shards(index: Path) -> list[str]:
    """Names of the files of a checkpoint in several parts."""
    found = _read_json(index).get("weight_map")
    if not isinstance(found, dict) or not found:
        raise TeacherError(
            f"{index} has no weight_map, which says in which file each weight is: get the checkpoint again, "
            f"or put it as one {WEIGHTS} into the folder"
        )
    names = {str(name) for name in found.values()}
    for name in names:
        if Path(name).name != name or name in ("", ".", ".."):
            raise TeacherError(f"{index}: weight_map names {name!r}; accepted: files beside it")
    return sorted(names)


def _read_weights(files: list[Path]) -> dict[str, Any]:
    from safetensors import SafetensorError, deserialize

    tensors: dict[str, Any] = {}
    for file in files:
        if file.name != INDEX:
            try:
                entries = deserialize(file.read_bytes())
            except SafetensorError as error:
                raise TeacherError(f"{file.name} is not a safetensors file: {error}") from error
            tensors |= {name: _tensor(file, name, entry) for name, entry in entries}
    return tensors


def _tensor(file: Path, name: str, entry: dict[str, Any]) -> Any:
    """An entry of a safetensors file as NumPy has it; bfloat16, the upper half of a float32, as float32."""
    kind, data = entry["dtype"], entry["data"]
    if kind == _BFLOAT16:
        values = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    elif kind in _FLOATS:
        values = np.frombuffer(data, _FLOATS[kind])
    elif kind in _OTHERS:
        values = np.frombuffer(data, _OTHERS[kind])
    else:
        raise TeacherError(
            f"{file}: weight {name} is stored as {kind}; accepted: {', '.join((*_FLOATS, _BFLOAT16))}: "
            "save the checkpoint in one of them"
        )
    return values.reshape(entry["shape"])


def _layers(spec: HuggingFaceTeacher, count: int, folder: Path) -> tuple[int, ...]:
    """Indices of the wanted hidden states."""
    wanted = (
        (count,) if spec.layer == "last" else (spec.layer,) if isinstance(spec.layer, int) else spec.layer
    )
    for layer in wanted:
        if layer > count:
            raise TeacherError(
                f"{folder} has {count} layers, there is no hidden state {layer}; accepted for `layer` are "
                f"last and 0 to {count}"
            )
    return wanted


def _wants_normalised(preprocessor: Path) -> bool:
    if not preprocessor.is_file():
        raise TeacherError(
            f"{preprocessor.parent} holds no {PREPROCESSOR}, which says whether the waveform is normalised: "
            "put it there, or say `normalise: true` or `normalise: false`"
        )
    content = _read_json(preprocessor)
    rate = content.get("sampling_rate", _SAMPLE_RATE)
    if rate != _SAMPLE_RATE:
        raise TeacherError(f"{preprocessor} wants sound at {rate} Hz; accepted: {_SAMPLE_RATE}")
    return bool(content.get("do_normalize", True))


def load(spec: HuggingFaceTeacher, trained_uri: str | None) -> Teacher:
    """The teacher of a specification."""
    return HuggingFaceEncoder(spec)
