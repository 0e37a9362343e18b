"""The adb back end against a fake ``adb``: what it measures, and what it leaves on the device."""

from __future__ import annotations

import hashlib
import logging
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from components.latency_benchmark.backends import open_backend
from components.latency_benchmark.backends.adb import AdbBackend
from components.latency_benchmark.backends.base import Burst, ModelUnderTest, Sensors
from components.latency_benchmark.settings import LatencySettings, MeasurementSettings
from schemas.devices import AdbDevice
from tests.components.latency_benchmark.backends.phone import FOLDER, Phone

SETTINGS = MeasurementSettings(timeout_s=20)


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    return Phone(tmp_path)


@pytest.fixture
def model(tmp_path: Path) -> ModelUnderTest:
    return a_model(tmp_path, "student-a", b"a model")


@pytest.fixture
def backend(phone: Phone) -> Iterator[AdbBackend]:
    with AdbBackend("pixel6", phone.device(), SETTINGS) as opened:
        yield opened


def a_model(folder: Path, candidate_id: str, content: bytes) -> ModelUnderTest:
    path = folder / f"{candidate_id}.tflite"
    path.write_bytes(content)
    value = folder / "input.npy"
    np.save(value, np.arange(6, dtype=np.float32).reshape(1, 2, 3))
    return ModelUnderTest(
        candidate_id=candidate_id,
        variant="core-float32",
        input="core",
        path=path,
        input_path=value,
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        sound_seconds=0.96,
    )


def burst(backend: AdbBackend, model: ModelUnderTest) -> Burst:
    return backend.time(model, warmup_runs=3, warmup_seconds=0.1, runs=5, seconds=0.05, keep_loaded=True)


def test_the_machine_is_the_device_and_the_very_tool(phone: Phone) -> None:
    device = phone.device(
        threads=2, core_mask="F0", options=("--run_delay=0.01",), ambient="on a cooling plate"
    )
    with open_backend("pixel6", device, SETTINGS) as backend:
        machine = backend.machine()
    assert (machine.profile, machine.backend, machine.name) == ("pixel6", "adb", "Google Pixel 6")
    assert (machine.soc, machine.os[:11], machine.is_device) == ("Google Tensor", "Android 14,", True)
    tool = hashlib.sha256(phone.tool.read_bytes()).hexdigest()[:12]
    assert (machine.runtime, machine.threads) == (f"benchmark_model {tool}", 2)
    assert (machine.delegate, machine.cores) == ("XNNPACK --run_delay=0.01", "mask f0")
    assert machine.ambient == "on a cooling plate"


def test_two_builds_of_the_tool_are_two_machines(phone: Phone) -> None:
    identities = []
    for build in ("", "# another build\n"):
        phone.tool.write_text(phone.tool.read_text() + build)
        with AdbBackend("pixel6", phone.device(), SETTINGS) as backend:
            identities.append(backend.machine().identity)
    assert identities[0] != identities[1]


def test_a_burst(phone: Phone, backend: AdbBackend, model: ModelUnderTest) -> None:
    measured = burst(backend, model)
    assert (measured.count, measured.mean_us, measured.median_us, measured.p95_us) == (105, 947.132, 942, 991)
    assert (measured.min_us, measured.max_us, measured.samples_us) == (910, 1102, ())
    command = next(call[-1] for call in phone.asked() if "--num_runs=5" in call[-1])
    assert re.search(
        rf"; {FOLDER}/run-\w{{12}}/benchmark_model --graph={FOLDER}/run-\w{{12}}/{model.sha256}.tflite ",
        command,
    )
    for option in (
        "--num_runs=5",
        "--min_secs=0.055",
        "--max_secs=20",
        "--use_xnnpack=true",
        "--use_gpu=false",
    ):
        assert option in phone.given()
    assert "taskset" not in command


def test_a_burst_lasts_as_long_as_it_should_whatever_else_the_tool_does(
    phone: Phone, backend: AdbBackend, model: ModelUnderTest, tmp_path: Path
) -> None:
    """The recorded burst is 105 x 947.132 us = 99.4 ms, of the 0.11 s that the first one asks for."""
    short = backend.time(model, warmup_runs=1, warmup_seconds=0, runs=5, seconds=0.1, keep_loaded=True)
    assert short.count == 105, "what is told is told as it is"
    asked = [float(option[11:]) for option in phone.given() if option.startswith("--min_secs=")]
    growth = 1.1 * 0.1 / 0.09944886
    assert asked == pytest.approx([0.11, 0.11 * growth, 0.11 * growth**2], rel=1e-5)
    burst(backend, model)
    assert f"--min_secs={0.05 * 1.1 * growth**3:g}" in phone.given(), "its next one asks for more at once"
    burst(backend, a_model(tmp_path, "student-b", b"another model"))
    assert phone.given().count("--min_secs=0.055") == 1, "another model's does not"


def test_a_cold_start_has_a_process_of_its_own(
    phone: Phone, backend: AdbBackend, model: ModelUnderTest
) -> None:
    start = backend.start(model)
    assert (start.init_ms, start.first_ms, start.peak_mib) == (5.757, 2.125, 9.832)
    for option in ("--num_runs=1", "--min_secs=0", "--warmup_runs=1", "--warmup_min_secs=0"):
        assert option in phone.given()


def test_how_much_the_delegate_took_is_logged_once(
    backend: AdbBackend, model: ModelUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "tinytrill.latency_benchmark"):
        backend.start(model)
        burst(backend, model)
    assert caplog.text.count("student-a/core-float32 on pixel6: Replacing 61 out of 64 node(s)") == 1


def test_the_model_hears_its_own_input(phone: Phone, backend: AdbBackend, model: ModelUnderTest) -> None:
    burst(backend, model)
    heard = np.frombuffer((phone.folder / "heard.bin").read_bytes(), np.float32)
    assert heard.tolist() == [0, 1, 2, 3, 4, 5]
    assert "--input_layer_shape=1,2,3" in phone.given()


def test_an_old_tool_draws_its_input_and_tells_means_only(phone: Phone, model: ModelUnderTest) -> None:
    phone.says("help.txt", "help_2018.txt")
    phone.says("run.txt", "run_2018.txt")
    with AdbBackend("old", phone.device(delegate="none"), SETTINGS) as backend:
        measured = burst(backend, model)
    assert (measured.mean_us, measured.median_us, measured.p95_us) == (16244.5, None, None)
    assert not any("input_layer" in option for option in phone.given())


def test_cores_and_options_reach_the_tool_as_they_are(phone: Phone, model: ModelUnderTest) -> None:
    odd = "--benchmark_name=a b'c\"$HOME;*"
    with AdbBackend("pixel6", phone.device(core_mask="f0", options=(odd,)), SETTINGS) as backend:
        burst(backend, model)
    assert (phone.folder / "mask").read_text() == "f0\n"
    assert odd in phone.given()


def test_an_option_that_contradicts_is_refused_at_once(phone: Phone) -> None:
    with pytest.raises(ValueError, match="--num_threads=4"):
        AdbBackend("pixel6", phone.device(options=("--num_threads=4",)), SETTINGS)
    assert phone.asked() == []


def test_operators(phone: Phone, backend: AdbBackend, model: ModelUnderTest) -> None:
    found = backend.profile(model, runs=20)
    assert [one.operator for one in found][:2] == ["Convolution (NHWC, QC8) DWConv", "MEAN"]
    assert "--enable_op_profiling=true" in phone.given() and "--num_runs=20" in phone.given()


def test_a_tool_without_profiling_tells_no_operators(phone: Phone, model: ModelUnderTest) -> None:
    help_text = phone.folder / "help.txt"
    help_text.write_text(help_text.read_text().replace("enable_op_profiling", "something_else"))
    with AdbBackend("pixel6", phone.device(), SETTINGS) as backend:
        assert backend.profile(model, runs=20) == []
    assert phone.given() == []


def test_each_file_is_pushed_once_and_by_its_sha256(
    phone: Phone, backend: AdbBackend, model: ModelUnderTest, tmp_path: Path
) -> None:
    other = a_model(tmp_path, "student-b", b"another model")
    same = a_model(tmp_path, "student-c", b"a model")
    backend.begin_session()
    for one in (model, other, same, model, other):
        burst(backend, one)
    value = hashlib.sha256(np.arange(6, dtype=np.float32).tobytes()).hexdigest()
    models = [f"{model.sha256}.tflite", f"{other.sha256}.tflite"]
    assert phone.pushed() == ["benchmark_model", models[0], f"{value}.input", models[1]]


def test_without_sha256sum_the_size_is_checked(phone: Phone, model: ModelUnderTest) -> None:
    lacking = phone.folder / "bin" / "sha256sum"
    lacking.write_text("#!/bin/sh\nexit 127\n")
    lacking.chmod(0o755)
    with AdbBackend("pixel6", phone.device(), SETTINGS) as backend:
        assert burst(backend, model).count == 105


def test_old_androids_without_exit_codes_and_with_other_line_ends(
    phone: Phone, model: ModelUnderTest
) -> None:
    phone.is_(old_android=True)
    with AdbBackend("old", phone.device(), SETTINGS) as backend:
        assert backend.machine().name == "Google Pixel 6"
        assert burst(backend, model).median_us == 942
        assert backend.profile(model, 20)[1].name == "StatefulPartitionedCall:0"
    assert phone.files() == []


def test_adb_is_found_on_the_path(
    phone: Phone, model: ModelUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(phone.adb.parent), prepend=":")
    with AdbBackend("pixel6", phone.device(adb="adb"), SETTINGS) as backend:
        assert burst(backend, model).count == 105


def test_sensors(phone: Phone, backend: AdbBackend) -> None:
    state = backend.sensors()
    assert state.temperatures_c["battery"] == 31.2 and state.throttled is False
    phone.says("thermalservice.txt", "thermalservice_throttled.txt")
    assert backend.sensors().throttled is True


@pytest.mark.parametrize("fault", ["not found", "cut", "closed"])
def test_sensors_are_never_an_error(phone: Phone, backend: AdbBackend, fault: str) -> None:
    phone.is_(faults=[{"match": "dumpsys", "do": fault, "once": False}])
    assert backend.sensors() == Sensors()


def test_a_session_starts_cool(phone: Phone, model: ModelUnderTest) -> None:
    phone.says("battery.txt", "battery_40.txt")
    phone.says("cooler.txt", "battery_31.txt")
    with AdbBackend("pixel6", phone.device(max_start_temperature_c=35), SETTINGS) as backend:
        backend.begin_session()
        assert phone.slept() == ["10"], "the pause is the device's, and it was warm once"
        backend.begin_session()
    assert phone.slept() == ["10"]


def test_cooling_down_has_an_end(phone: Phone, caplog: pytest.LogCaptureFixture) -> None:
    phone.says("battery.txt", "battery_40.txt")
    with AdbBackend("pixel6", phone.device(max_start_temperature_c=35), SETTINGS) as backend:
        backend.begin_session()
    assert phone.slept() == ["10", "10"], "20 s in pauses of 10 s"
    assert "pixel6 has not cooled down to 35 degrees in 20 s" in caplog.text


@pytest.mark.parametrize(("limit", "asked"), [(None, False), (35.0, True)])
def test_no_limit_or_no_sensor_no_wait(
    phone: Phone, caplog: pytest.LogCaptureFixture, limit: float | None, asked: bool
) -> None:
    (phone.folder / "battery.txt").unlink()
    (phone.folder / "thermalservice.txt").unlink()
    with AdbBackend("pixel6", phone.device(max_start_temperature_c=limit), SETTINGS) as backend:
        backend.begin_session()
    assert phone.slept() == []
    assert any("dumpsys" in call[-1] for call in phone.asked()) == asked
    assert ("pixel6 reports no temperature" in caplog.text) == asked


def test_nothing_is_left_behind(
    phone: Phone, model: ModelUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(here))
    with AdbBackend("pixel6", phone.device(), SETTINGS) as backend:
        burst(backend, model)
        run = next(name for name in phone.files() if "/" in name).split("/")[1]
        assert len(phone.files()) == 5, "both folders, tool, model, input"
        assert list(here.iterdir()) != []
    assert phone.files() == [] and list(here.iterdir()) == []
    assert phone.killed() == [f"-9 -f [r]{run[1:]}"], "a pattern that does not match its own shell"


def test_a_folder_of_somebody_else_stays(phone: Phone, model: ModelUnderTest) -> None:
    """Files that lay there, and a folder that was there before, empty or not."""
    (phone.tmp / "tinytrill").mkdir()
    with AdbBackend("pixel6", phone.device(), SETTINGS) as backend:
        burst(backend, model)
    assert phone.files() == ["tinytrill"]
    (phone.tmp / "tinytrill/theirs.txt").write_text("keep me")
    with AdbBackend("pixel6", phone.device(), SETTINGS) as backend:
        burst(backend, model)
    assert phone.files() == ["tinytrill", "tinytrill/theirs.txt"]


def test_two_runs_at_once_do_not_meet(phone: Phone, model: ModelUnderTest) -> None:
    with AdbBackend("pixel6", phone.device(), SETTINGS) as first:
        burst(first, model)
        with AdbBackend("pixel6", phone.device(), SETTINGS) as second:
            burst(second, model)
        assert burst(first, model).count == 105, "its files are still there"
    assert phone.files() == []


def test_closing_twice_or_unused_asks_nothing(phone: Phone) -> None:
    backend = AdbBackend("pixel6", phone.device(), SETTINGS)
    backend.close()
    assert phone.asked() == []
    backend.begin_session()
    backend.close()
    asked = len(phone.asked())
    backend.close()
    assert len(phone.asked()) == asked


def test_files_are_removed_after_an_error(phone: Phone, model: ModelUnderTest) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        AdbBackend("pixel6", phone.device(), SETTINGS) as backend,
    ):
        burst(backend, model)
        raise KeyboardInterrupt
    assert phone.files() == []


def test_the_example_of_the_page_can_be_used() -> None:
    page = (Path(__file__).parents[4] / "docs" / "devices.md").read_text()
    example = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0])
    device = LatencySettings(**example["latency"]).devices["pixel6"]
    assert isinstance(device, AdbDevice) and device.core_mask == "f0"
    AdbBackend("pixel6", device, SETTINGS).close()


def test_settings_reach_the_device(phone: Phone, model: ModelUnderTest) -> None:
    settings: dict[str, Any] = {
        "threads": 4,
        "delegate": "gpu",
        "options": ("--gpu_precision_loss_allowed=false",),
    }
    phone.says("run.txt", "run_2024_gpu.txt")
    with AdbBackend("pixel6", phone.device(**settings), SETTINGS) as backend:
        burst(backend, model)
        assert backend.machine().delegate == "GPU --gpu_precision_loss_allowed=false"
    given = phone.given()
    for option in ("--num_threads=4", "--use_gpu=true", "--use_xnnpack=false", *settings["options"]):
        assert option in given
