"""Checkpoints in Hugging Face's form: folders, the cache, and a Hub of our own on this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from components.common.modeling.teachers import TeacherError, load_teacher
from schemas.teachers import HuggingFaceTeacher, check_teacher, teacher_files
from tests.components.common.modeling.teachers.checkpoints import (
    BASE,
    SHORTEST,
    STABLE,
    Array,
    save_checkpoint,
    tensors,
)

REPO = "someone/tiny-wav2vec2"
COMMIT = "5f" * 20


def sounds(count: int, samples: int) -> Array:
    return np.random.default_rng(4).uniform(-1, 1, (count, samples)).astype(np.float32)


def folder_teacher(folder: Path, **options: Any) -> Any:
    return load_teacher(HuggingFaceTeacher(path=str(folder), **options))


def test_embeds_each_sound_of_a_batch_as_it_would_alone(tmp_path: Path) -> None:
    teacher = folder_teacher(save_checkpoint(tmp_path / "tiny", STABLE))
    waveforms = sounds(5, 1_000)
    together = teacher.embed(waveforms)
    assert together.shape == (5, 12) and teacher.dim == 12
    assert teacher.description == "tiny"
    alone = np.concatenate([teacher.embed(waveform[None]) for waveform in waveforms])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


def test_layers_are_chosen_and_averaged(tmp_path: Path) -> None:
    folder, waveforms = save_checkpoint(tmp_path), sounds(2, 700)
    by_layer = [folder_teacher(folder, layer=layer).embed(waveforms) for layer in range(4)]
    np.testing.assert_array_equal(folder_teacher(folder).embed(waveforms), by_layer[3])
    mean = folder_teacher(folder, layer=(0, 2, 3)).embed(waveforms)
    np.testing.assert_allclose(mean, (by_layer[0] + by_layer[2] + by_layer[3]) / 3, atol=1e-5)
    assert np.abs(by_layer[1] - by_layer[2]).max() > 0.01


def test_normalises_as_the_preprocessor_says(tmp_path: Path) -> None:
    # Layer norm in the first convolution hears how loud the sound is; group norm would level that out.
    loud = 0.1 * sounds(2, 500) + np.float32(0.3)
    level = (loud - loud.mean(axis=1, keepdims=True)) / loud.std(axis=1, keepdims=True)
    plain = folder_teacher(save_checkpoint(tmp_path / "plain", STABLE, normalise=False))
    normalising = folder_teacher(save_checkpoint(tmp_path / "normalising", STABLE))
    np.testing.assert_allclose(normalising.embed(loud), plain.embed(level), rtol=1e-3, atol=1e-4)
    assert np.abs(normalising.embed(loud) - plain.embed(loud)).max() > 0.01
    told = folder_teacher(tmp_path / "plain", normalise=True)
    np.testing.assert_array_equal(told.embed(loud), normalising.embed(loud))


def test_short_sound_is_normalised_and_then_padded(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, STABLE)
    short = sounds(1, 12)
    level = (short - short.mean()) / short.std()
    for length, options in ((SHORTEST, {}), (200, {"window_samples": 200})):
        padded = np.pad(level, ((0, 0), (0, length - 12)))
        expected = folder_teacher(tmp_path, normalise=False).embed(padded)
        np.testing.assert_allclose(folder_teacher(tmp_path, **options).embed(short), expected, atol=1e-3)


def test_shards_and_half_precision(tmp_path: Path) -> None:
    weights = {name: value.astype(np.float16) for name, value in tensors(BASE).items()}
    whole = save_checkpoint(tmp_path / "whole", BASE, weights)
    shards = save_checkpoint(tmp_path / "shards", BASE, {})
    (shards / "model.safetensors").unlink()
    names = sorted(weights)
    parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, part in parts.items():
        save_file({name: weights[name] for name in part}, shards / file)
    index = {"weight_map": {name: file for file, part in parts.items() for name in part}}
    (shards / "model.safetensors.index.json").write_text(json.dumps(index))
    waveforms = sounds(1, 400)
    expected = folder_teacher(whole).embed(waveforms)
    np.testing.assert_array_equal(folder_teacher(shards).embed(waveforms), expected)

    check_teacher(HuggingFaceTeacher(path=str(shards)))
    (shards / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(TeacherError, match=r"index\.json names model-00002-of-00002\.safetensors, which"):
        folder_teacher(shards)


def test_bfloat16_is_read(tmp_path: Path) -> None:
    upper = {name: value.astype("<f4").view("<u4") >> 16 for name, value in tensors(BASE).items()}
    whole = {name: (bits << 16).view(np.float32) for name, bits in upper.items()}
    expected = folder_teacher(save_checkpoint(tmp_path / "float32", BASE, whole)).embed(sounds(1, 400))
    folder = save_checkpoint(tmp_path / "bfloat16", BASE)
    header, data = {}, b""
    for name, bits in upper.items():
        begin, data = len(data), data + bits.astype("<u2").tobytes()
        header[name] = {"dtype": "BF16", "shape": bits.shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    np.testing.assert_array_equal(folder_teacher(folder).embed(sounds(1, 400)), expected)


def test_digest_is_of_the_files_that_are_read(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path)
    digest = folder_teacher(folder).digest
    (folder / "vocab.json").write_text("{}")
    assert folder_teacher(folder).digest == digest
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer_norm.bias"] += 1
    save_file(weights, folder / "model.safetensors")
    assert folder_teacher(folder).digest != digest


def test_a_pickle_is_refused_with_the_way_out(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(TeacherError, match=r"pytorch_model\.bin is a pickle(.|\n)*save_pretrained"):
        folder_teacher(folder)
    with pytest.raises(ValueError, match=r"reference\.path: .*a pytorch_model\.bin is never read"):
        check_teacher(HuggingFaceTeacher(path=str(folder)), "reference")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model_type": "wavlm"}, r"model_type is 'wavlm': Input should be 'wav2vec2' or 'hubert'"),
        ({"add_adapter": True}, "add_adapter is True: Input should be False"),
        ({"hidden_act": "relu"}, "hidden_act is 'relu': Input should be 'gelu'"),
        ({"num_attention_heads": 5}, "num_attention_heads 5 must divide hidden_size 12"),
        ({"conv_stride": [5, 2]}, r"conv_stride \[5, 2\] must be of one length"),
        ({"num_hidden_layers": 2}, r"16 differences(.|\n)*unexpected: encoder\.layers\.2\.attention"),
    ],
)
def test_says_what_of_the_configuration_does_not_fit(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    folder = save_checkpoint(tmp_path, {**BASE, **changed}, tensors(BASE))
    with pytest.raises(TeacherError, match=message):
        folder_teacher(folder)


def test_says_which_key_is_missing(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path, {key: BASE[key] for key in BASE if key != "conv_dim"}, tensors(BASE))
    with pytest.raises(TeacherError, match="conv_dim is missing"):
        folder_teacher(folder)


def test_says_which_layers_there_are(tmp_path: Path) -> None:
    save_checkpoint(tmp_path)
    with pytest.raises(TeacherError, match=r"has 3 layers, there is no hidden state 4; .* last and 0 to 3"):
        folder_teacher(tmp_path, layer=(1, 4))


def test_asks_about_normalisation_when_nothing_says_it(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, normalise=None)
    with pytest.raises(TeacherError, match=r"no preprocessor_config\.json(.|\n)*normalise: true"):
        folder_teacher(tmp_path)
    assert folder_teacher(tmp_path, normalise=False).dim == 12


def test_refuses_another_sample_rate(tmp_path: Path) -> None:
    save_checkpoint(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text('{"sampling_rate": 8000}')
    with pytest.raises(TeacherError, match="wants sound at 8000 Hz; accepted: 16000"):
        folder_teacher(tmp_path)


def test_says_which_file_is_no_safetensors(tmp_path: Path) -> None:
    save_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(TeacherError, match=r"model\.safetensors is not a safetensors file"):
        folder_teacher(tmp_path)


class Hub:
    """As much of the Hub's protocol as ``snapshot_download`` speaks, for one repository."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._answer(with_body=False)

            def do_GET(self) -> None:
                self._answer(with_body=True)

            def log_message(self, *_: Any) -> None:
                pass

            def _answer(self, with_body: bool) -> None:
                path = self.path.split("?")[0]
                hub.asked.append(path)
                status, body, headers = hub.answer(folder, path)
                self.send_response(status)
                for key, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(key, value)
                self.end_headers()
                if with_body:
                    self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, folder: Path, path: str) -> tuple[int, bytes, dict[str, str]]:
        files = {file.name: file.read_bytes() for file in folder.iterdir()}
        digests = {name: hashlib.sha1(content).hexdigest() for name, content in files.items()}
        if path == f"/api/models/{REPO}/revision/main":
            return 200, json.dumps({"id": REPO, "sha": COMMIT, "siblings": []}).encode(), {}
        if path == f"/api/models/{REPO}/tree/{COMMIT}":
            entries = [
                {"type": "file", "path": name, "size": len(files[name]), "oid": digests[name]}
                for name in files
            ]
            return 200, json.dumps(entries).encode(), {}
        name = path.removeprefix(f"/{REPO}/resolve/{COMMIT}/")
        if name in files:
            return 200, files[name], {"ETag": f'"{digests[name]}"', "X-Repo-Commit": COMMIT}
        return 404, b"{}", {"X-Error-Code": "RepoNotFound"}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    from huggingface_hub import constants

    folder = save_checkpoint(tmp_path / "repository")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "README.md").write_text("about")
    served = Hub(folder)
    # The library reads HF_ENDPOINT and HF_HUB_CACHE once, when it is imported.
    monkeypatch.setattr(constants, "ENDPOINT", served.address)
    template = served.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield served
    served.close()


def test_repository_is_downloaded_once_and_without_its_pickle(hub: Hub, tmp_path: Path) -> None:
    spec = HuggingFaceTeacher(repo=REPO, download=True)
    check_teacher(spec)
    assert teacher_files(spec) == []
    teacher = load_teacher(spec)
    assert teacher.description == REPO and teacher.normalise
    wanted = {"config.json", "preprocessor_config.json", "model.safetensors"}
    assert {path.rsplit("/", 1)[1] for path in hub.asked if "/resolve/" in path} == wanted
    from_folder = folder_teacher(tmp_path / "repository")
    np.testing.assert_array_equal(teacher.embed(sounds(2, 300)), from_folder.embed(sounds(2, 300)))
    assert teacher.digest == from_folder.digest

    asked = len(hub.asked)
    cached = HuggingFaceTeacher(repo=REPO)
    check_teacher(cached)
    for again in (spec, cached, HuggingFaceTeacher(repo=REPO, revision=COMMIT)):
        assert load_teacher(again).digest == teacher.digest
    assert len(hub.asked) == asked
    [snapshot] = teacher_files(cached)
    assert {file.name for file in snapshot.iterdir()} == wanted
    assert teacher_files(HuggingFaceTeacher(repo=REPO, revision=COMMIT)) == []


def test_nothing_is_downloaded_unasked(hub: Hub) -> None:
    spec = HuggingFaceTeacher(repo=REPO)
    command = rf"{REPO} at main is not in the cache: get it by `hf download {REPO} --revision main "
    with pytest.raises(TeacherError, match=command):
        load_teacher(spec)
    with pytest.raises(ValueError, match=rf"distillation\.teacher\.repo: {command}"):
        check_teacher(spec, "distillation.teacher")
    assert not hub.asked


@pytest.mark.parametrize("reachable", [True, False])
def test_a_repository_that_cannot_be_had(hub: Hub, reachable: bool) -> None:
    if not reachable:
        hub.close()
    with pytest.raises(TeacherError, match=r"cannot download someone/else at main (.|\n)*as `path`"):
        load_teacher(HuggingFaceTeacher(repo="someone/else", download=True))


def test_a_name_that_no_repository_can_have(hub: Hub) -> None:
    with pytest.raises(TeacherError, match="'a/b/c' is not a name of a repository"):
        load_teacher(HuggingFaceTeacher(repo="a/b/c"))
