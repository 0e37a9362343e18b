"""SavedModels and hub handles as teachers."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import socket
import stat
import tarfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.common.modeling.teachers import TeacherError, load_teacher
from components.common.modeling.teachers.hub import resolve_handle
from schemas.teachers import SavedModelTeacher, TfHubTeacher

HANDLE = "https://tfhub.dev/google/nonsemantic-speech-benchmark/trill/3"


@pytest.fixture(scope="module")
def level_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives the mean and the peak of each 100-sample frame, times ``gain``."""
    import tensorflow as tf

    class Levels(tf.Module):
        @tf.function(
            input_signature=[
                tf.TensorSpec((None, None), tf.float32, name="samples"),
                tf.TensorSpec((), tf.int32, name="gain"),
            ]
        )
        def __call__(self, samples: Any, gain: Any) -> Any:
            frames = tf.signal.frame(samples, 100, 100)
            levels = tf.stack([tf.reduce_mean(frames, -1), tf.reduce_max(frames, -1)], axis=-1)
            return {"embedding": levels * tf.cast(gain, tf.float32), "frames": frames}

    class Single(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32)])
        def __call__(self, waveform: Any) -> Any:
            frames = tf.signal.frame(waveform, 100, 100)
            return tf.reduce_max(frames, axis=1), tf.reduce_mean(frames, axis=1, keepdims=True)

    folder = tmp_path_factory.mktemp("saved_models")
    levels = Levels()
    tf.saved_model.save(levels, str(folder / "levels"), signatures={"serving_default": levels.__call__})
    tf.saved_model.save(Single(), str(folder / "single"))
    return folder


@pytest.mark.parametrize("signature", ["", "serving_default"])
def test_averages_the_output_over_time(level_model: Path, signature: str) -> None:
    spec = SavedModelTeacher(path=str(level_model / "levels"), arguments={"gain": 10}, signature=signature)
    waveforms = np.random.default_rng(0).uniform(-1, 1, (3, 400)).astype(np.float32)
    teacher = load_teacher(spec)
    frames = waveforms.reshape(3, 4, 100)
    expected = 10 * np.stack([frames.mean((1, 2)), frames.max(2).mean(1)], axis=1)
    np.testing.assert_allclose(teacher.embed(waveforms), expected, rtol=1e-5, atol=1e-6)
    assert teacher.dim == 2
    assert len(teacher.digest) == 64


def test_window_slides_and_pads(level_model: Path) -> None:
    spec = SavedModelTeacher(path=str(level_model / "levels"), arguments={"gain": 1}, window_samples=200)
    teacher = load_teacher(spec)
    ramp = np.linspace(0, 1, 600, dtype=np.float32)[None]
    np.testing.assert_allclose(teacher.embed(ramp)[0, 0], ramp.mean(), rtol=1e-5)
    np.testing.assert_allclose(teacher.embed(np.ones((1, 50), np.float32)), [[0.25, 0.5]])


def test_model_that_takes_one_waveform_and_returns_a_tuple(level_model: Path) -> None:
    spec = SavedModelTeacher(path=str(level_model / "single"), output="1", batched=False)
    waveforms = np.stack([np.full(300, 0.25), np.full(300, 0.5)]).astype(np.float32)
    np.testing.assert_allclose(load_teacher(spec).embed(waveforms), [[0.25], [0.5]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"signature": "embed"}, r"has no signature 'embed', only \['serving_default'\]"),
        (
            {"signature": "serving_default"},
            r"has the inputs \['gain', 'samples'\]; name the waveform with `input`",
        ),
        (
            {"arguments": {"gain": 1}, "output": "layer19"},
            r"no output 'layer19', only \['embedding', 'frames'\]",
        ),
    ],
)
def test_says_what_the_model_has_instead(level_model: Path, options: dict[str, Any], message: str) -> None:
    spec = SavedModelTeacher.model_validate({"path": str(level_model / "levels"), **options})
    with pytest.raises(TeacherError, match=message):
        load_teacher(spec).embed(np.zeros((1, 400), np.float32))


def test_names_an_index_that_is_not_there(level_model: Path) -> None:
    spec = SavedModelTeacher(path=str(level_model / "single"), output="2", batched=False)
    with pytest.raises(TeacherError, match="must be an index from 0 to 1, not '2'"):
        load_teacher(spec).embed(np.zeros((1, 400), np.float32))


def test_a_folder_is_described_by_its_name_alone(level_model: Path, tmp_path: Path) -> None:
    spec = SavedModelTeacher(path=str(level_model / "levels"), arguments={"gain": 1})
    assert load_teacher(spec).description == "levels"
    version = tmp_path / "trill" / "3"
    shutil.copytree(level_model / "levels", version)
    assert load_teacher(spec.model_copy(update={"path": str(version)})).description == "trill/3"


def test_names_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match=r"is not a SavedModel: it holds no saved_model\.pb"):
        load_teacher(SavedModelTeacher(path=str(tmp_path)))


def test_hub_without_a_network_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: Any, **__: Any) -> Any:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "create_connection", no_network)
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    started = time.monotonic()
    with pytest.raises(TeacherError, match=rf"{HANDLE}(.|\n)*kind: savedmodel(.|\n)*TFHUB_CACHE_DIR"):
        load_teacher(TfHubTeacher(handle=HANDLE))
    assert time.monotonic() - started < 25
    assert not list((tmp_path / "cache").iterdir())


def test_hub_uses_what_the_cache_holds(
    tmp_path: Path, level_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    shutil.copytree(level_model / "levels", tmp_path / hashlib.sha1(HANDLE.encode()).hexdigest())
    teacher = load_teacher(TfHubTeacher(handle=HANDLE, arguments={"gain": 1}))
    assert teacher.embed(np.zeros((1, 400), np.float32)).shape == (1, 2)
    assert teacher.description == HANDLE


def test_hub_downloads_once(tmp_path: Path, level_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "module"), "gztar", level_model / "levels"))
    asked: list[str] = []

    def urlopen(url: str, timeout: float) -> Any:
        asked.append(url)
        return io.BytesIO(archive.read_bytes())

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    spec = TfHubTeacher(handle=HANDLE, arguments={"gain": 1})
    for _ in range(2):
        assert load_teacher(spec).dim == 2
    assert asked == [HANDLE + "?tf-hub-format=compressed"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [
        hashlib.sha1(HANDLE.encode()).hexdigest()
    ]


def test_hub_refuses_an_archive_without_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").mkdir()
    archive = Path(shutil.make_archive(str(tmp_path / "module"), "gztar", tmp_path / "other"))
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: io.BytesIO(archive.read_bytes()))
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(TeacherError, match=r"the archive holds no saved_model\.pb"):
        load_teacher(TfHubTeacher(handle=HANDLE))
    assert not list((tmp_path / "cache").iterdir())


def test_hub_writes_nothing_outside_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "module.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.addfile(tarfile.TarInfo("../../escaped"), io.BytesIO())
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: io.BytesIO(archive.read_bytes()))
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(TeacherError, match=r"holds '\.\./\.\./escaped', which lies outside of it"):
        load_teacher(TfHubTeacher(handle=HANDLE))
    assert not (tmp_path / "escaped").exists()


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default cache of a user of the test's own, with a downloaded module to come."""
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "saved_model.pb").touch()
    archive = Path(shutil.make_archive(str(tmp_path / "module"), "gztar", tmp_path / "module"))
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: io.BytesIO(archive.read_bytes()))
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tinytrill" / "tfhub"


def test_hub_cache_is_the_users_own(own_cache: Path) -> None:
    folder = resolve_handle(HANDLE)
    assert folder.parent == own_cache
    assert stat.S_IMODE(own_cache.stat().st_mode) == 0o700
    assert resolve_handle(HANDLE) == folder


@pytest.mark.parametrize("relative", ["", "cache"])
def test_hub_cache_without_an_absolute_place_is_in_the_home(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relative: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", relative)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert resolve_handle(HANDLE).is_relative_to(tmp_path / "home" / ".cache" / "tinytrill" / "tfhub")


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_hub_cache_that_others_may_write_is_refused(own_cache: Path, mode: int) -> None:
    own_cache.mkdir(parents=True)
    own_cache.chmod(mode)
    with pytest.raises(TeacherError, match=rf"{own_cache} .*written by others(.|\n)*TFHUB_CACHE_DIR"):
        resolve_handle(HANDLE)


def test_chosen_hub_cache_may_be_a_groups_and_not_everybodys(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "shared"))
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o770)
    assert resolve_handle(HANDLE).parent == tmp_path / "shared"
    (tmp_path / "shared").chmod(0o777)
    with pytest.raises(TeacherError, match="written by others"):
        resolve_handle(HANDLE)


@pytest.mark.parametrize("form", ["cache", "link", "module"])
def test_hub_cache_of_another_user_is_refused(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    folder = resolve_handle(HANDLE)
    if form == "link":
        shutil.move(own_cache, tmp_path / "elsewhere")
        own_cache.symlink_to(tmp_path / "elsewhere")
    stranger = {"cache": own_cache, "link": tmp_path / "elsewhere", "module": folder}[form]
    found = os.stat(stranger)
    true_stat = os.stat

    def stat_of(path: Any, **how: Any) -> os.stat_result:
        """The stranger's folder, whatever the user that runs the tests may do."""
        answer = true_stat(path, **how)
        if not os.path.samestat(answer, found):
            return answer
        return os.stat_result((*answer[:4], 54321, *answer[5:]))

    monkeypatch.setattr(os, "stat", stat_of)
    with pytest.raises(TeacherError, match="belongs to the user with id 54321"):
        resolve_handle(HANDLE)


def test_hub_handle_must_be_an_address() -> None:
    with pytest.raises(TeacherError, match="expected an address that starts with https://"):
        load_teacher(TfHubTeacher(handle="google/trill"))


@pytest.fixture(scope="module")
def encoder_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Keras network with the inputs and outputs of Wav2Vec 2.0 on TensorFlow Hub: 400 samples, 9 frames."""
    import tf_keras as keras

    network = keras.Sequential(
        [
            keras.layers.Input((400,), name="speech"),
            keras.layers.Reshape((400, 1)),
            keras.layers.Conv1D(4, 10, 10, activation="gelu"),
            keras.layers.Conv1D(3, 8, 4, name="frames"),
        ]
    )
    folder = tmp_path_factory.mktemp("encoder")
    network.save(folder, save_format="tf")
    return folder


def straight_encoder(folder: Path, windows: Any) -> Any:
    """``(n, 400)`` to the mean of the frames, from the saved weights alone."""
    import tensorflow as tf

    first, bias, second, shift = tf.saved_model.load(str(folder)).variables
    heard = windows.reshape(-1, 40, 10) @ first.numpy()[:, 0] + bias.numpy()
    heard = tf.nn.gelu(heard).numpy()
    frames = [np.tensordot(heard[:, at : at + 8], second.numpy(), 2) for at in range(0, 33, 4)]
    return np.mean(frames, axis=0) + shift.numpy()


@pytest.mark.parametrize("signature", ["", "serving_default"])
def test_wav2vec2_of_the_hub_hears_normalised_windows(
    tmp_path: Path, encoder_model: Path, monkeypatch: pytest.MonkeyPatch, signature: str
) -> None:
    handle = "https://tfhub.dev/vasudevgupta7/wav2vec2/1"
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    shutil.copytree(encoder_model, tmp_path / hashlib.sha1(handle.encode()).hexdigest())
    spec = TfHubTeacher(handle=handle, signature=signature, output="", window_samples=400, normalise=True)
    teacher = load_teacher(spec)
    waveforms = np.random.default_rng(1).normal(0.1, 0.2, (2, 800)).astype(np.float32)
    windows = waveforms.reshape(2, 2, 400)
    level = (windows - windows.mean(-1, keepdims=True)) / windows.std(-1, keepdims=True)
    expected = np.mean([straight_encoder(encoder_model, level[:, one]) for one in (0, 1)], axis=0)
    np.testing.assert_allclose(teacher.embed(waveforms), expected, rtol=1e-3, atol=1e-4)

    short = np.pad((waveforms[:, :100] - waveforms[:, :100].mean(-1, keepdims=True)), ((0, 0), (0, 300)))
    short /= waveforms[:, :100].std(-1, keepdims=True)
    expected = straight_encoder(encoder_model, short)
    np.testing.assert_allclose(teacher.embed(waveforms[:, :100]), expected, rtol=1e-3, atol=1e-4)
