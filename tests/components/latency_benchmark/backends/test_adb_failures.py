"""The adb back end when something goes wrong: cables, disks, processes, permissions."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.latency_benchmark.backends.adb import AdbBackend
from components.latency_benchmark.backends.base import DeviceLost, MeasurementFailed, ModelUnderTest, Sensors
from components.latency_benchmark.settings import MeasurementSettings
from tests.components.latency_benchmark.backends.phone import SERIAL, Phone
from tests.components.latency_benchmark.backends.test_adb import a_model, burst

SETTINGS = MeasurementSettings(timeout_s=20)


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    return Phone(tmp_path)


@pytest.fixture
def model(tmp_path: Path) -> ModelUnderTest:
    return a_model(tmp_path, "student-a", b"a model")


def waits(phone: Phone) -> int:
    return sum(call[-1] == "wait-for-device" for call in phone.asked())


@pytest.mark.parametrize("fault", ["not found", "cut"])
def test_an_interrupted_burst_is_repeated(phone: Phone, model: ModelUnderTest, fault: str) -> None:
    phone.is_(faults=[{"match": "--num_runs=5", "do": fault}])
    with AdbBackend("pixel6", phone.device(), SETTINGS) as backend:
        assert burst(backend, model).median_us == 942
    assert waits(phone) == 1
    assert phone.pushed().count("benchmark_model") == 1, "what is still there is not pushed again"
    assert phone.files() == []


def test_what_a_reboot_took_is_pushed_again(phone: Phone, model: ModelUnderTest) -> None:
    phone.is_(faults=[{"match": "--num_runs=5", "do": "not found"}], wiped=True)
    with AdbBackend("pixel6", phone.device(), SETTINGS) as backend:
        assert burst(backend, model).count == 105
    assert phone.pushed().count("benchmark_model") == phone.pushed().count(f"{model.sha256}.tflite") == 2
    assert phone.files() == []


@pytest.mark.slow
def test_a_cut_at_any_command_changes_no_figure(tmp_path: Path) -> None:
    """A run that is cut nowhere tells how many commands there are; the clean-up is among them."""
    commands = 1
    at = 0
    while at <= commands:
        (tmp_path / str(at)).mkdir()
        phone = Phone(tmp_path / str(at))
        model = a_model(tmp_path / str(at), "student-a", b"a model")
        phone.is_(faults=[{"at": at, "do": "cut"}])
        with AdbBackend("pixel6", phone.device(), SETTINGS) as backend:
            assert backend.machine().name == "Google Pixel 6"
            assert backend.start(model).init_ms == 5.757
        if at == 0:
            commands = int((phone.folder / "counter").read_text())
        assert waits(phone) == (at > 0), f"cut at command {at}"
        assert phone.files() == [], f"cut at command {at}"
        at += 1
    assert commands > 8


def test_a_device_that_comes_back_late_is_waited_for(phone: Phone, model: ModelUnderTest) -> None:
    phone.is_(faults=[{"match": "--num_runs=5", "do": "not found"}], returns_after=2)
    with AdbBackend("pixel6", phone.device(reconnect_s=0.3), SETTINGS) as backend:
        assert burst(backend, model).count == 105
    assert waits(phone) == 2


def test_a_device_that_does_not_come_back_is_lost_for_good(
    phone: Phone, model: ModelUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    phone.is_(faults=[{"match": "--num_runs=5", "do": "not found"}], returns_after=9)
    backend = AdbBackend("pixel6", phone.device(retries=2, reconnect_s=0.3), SETTINGS)
    with pytest.raises(DeviceLost) as lost:
        burst(backend, model)
    assert str(lost.value) == (
        f"pixel6 was lost: error: device '{SERIAL}' not found; waited 2 times up to 0.3 s; "
        f"no device {SERIAL} is attached; adb sees nothing. Set serial to one of them, or plug it in and "
        "allow USB debugging"
    )
    asked = len(phone.asked())
    for call in (backend.machine, backend.begin_session, lambda: burst(backend, model)):
        with pytest.raises(DeviceLost, match="pixel6 was lost"):
            call()
    assert backend.sensors() == Sensors()
    assert len(phone.asked()) == asked, "nothing is asked of a lost device"
    backend.close()
    assert "is left on the device" in caplog.text


def test_a_device_that_leaves_again_and_again_is_lost(phone: Phone, model: ModelUnderTest) -> None:
    phone.is_(faults=[{"match": "--num_runs=5", "do": "cut", "once": False}])
    with AdbBackend("pixel6", phone.device(retries=2), SETTINGS) as backend:
        with pytest.raises(DeviceLost, match="waited 2 times"):
            burst(backend, model)
        assert waits(phone) == 2
        phone.comes_back()
    assert phone.files() == [], "it was there for the clean-up"


def test_no_retries_no_waiting(phone: Phone, model: ModelUnderTest) -> None:
    phone.is_(faults=[{"match": "--num_runs=5", "do": "offline"}])
    with (
        AdbBackend("pixel6", phone.device(retries=0), SETTINGS) as backend,
        pytest.raises(DeviceLost, match="error: device offline; no retries are set"),
    ):
        burst(backend, model)
    assert waits(phone) == 0


def test_there_is_no_adb(phone: Phone) -> None:
    with (
        AdbBackend("pixel6", phone.device(adb="/nowhere/adb"), SETTINGS) as backend,
        pytest.raises(DeviceLost, match=r"adb command '/nowhere/adb' cannot be run .*platform-tools"),
    ):
        backend.machine()


def test_an_unknown_serial_lists_what_is_attached(phone: Phone) -> None:
    phone.is_(state="absent", others={"emulator-5554": "device", "0A1B": "unauthorized"})
    with (
        AdbBackend("pixel6", phone.device(), SETTINGS) as backend,
        pytest.raises(DeviceLost) as lost,
    ):
        backend.machine()
    assert f"no device {SERIAL} is attached; adb sees emulator-5554 (device), 0A1B (unauthorized)" in str(
        lost.value
    )
    assert waits(phone) == 0, "a wrong serial is not waited for"


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        ("unauthorized", "accept the question whether to allow USB debugging"),
        ("offline", "plug it in again"),
        ("no permissions (user in plugdev group; are your udev rules wrong?)", "add a udev rule"),
        ("rescue", "see 'adb devices'"),
    ],
)
def test_a_device_that_cannot_be_used_says_what_to_do(phone: Phone, state: str, advice: str) -> None:
    phone.is_(state=state)
    with AdbBackend("pixel6", phone.device(), SETTINGS) as backend, pytest.raises(DeviceLost) as lost:
        backend.machine()
    assert f"device {SERIAL} is {state}: " in str(lost.value) and advice in str(lost.value)


def test_a_missing_tool_says_where_it_is_published(phone: Phone) -> None:
    with (
        AdbBackend("pixel6", phone.device(benchmark_model="/nowhere/benchmark_model"), SETTINGS) as backend,
        pytest.raises(DeviceLost) as lost,
    ):
        backend.machine()
    for words in (
        "benchmark_model /nowhere/benchmark_model cannot be read (No such file or directory)",
        "https://storage.googleapis.com/tensorflow-nightly-public/prod/tensorflow/release/lite/tools/nightly/",
        "bazel build -c opt --config=android_arm64",
    ):
        assert words in str(lost.value)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "echo '/system/bin/sh: benchmark_model: not executable: 64-bit ELF file'; exit 126",
            "64-bit ELF file",
        ),
        ("echo 'benchmark_model: Permission denied'; exit 126", "Permission denied"),
        ("echo 'CANNOT LINK EXECUTABLE: library libc++.so not found'; kill -6 $$", "CANNOT LINK EXECUTABLE"),
    ],
)
def test_a_tool_for_another_processor_is_found_out_before_any_model(
    phone: Phone, script: str, words: str
) -> None:
    phone.tool.write_text(f"#!/bin/sh\n{script}\n")
    with AdbBackend("pixel6", phone.device(), SETTINGS) as backend, pytest.raises(DeviceLost) as lost:
        backend.machine()
    assert words in str(lost.value)
    assert "does not run on the device, which takes arm64-v8a,armeabi-v7a,armeabi programs" in str(lost.value)
    assert phone.files() == []


def test_a_tool_without_the_delegate_is_found_out_before_any_model(phone: Phone) -> None:
    text = phone.folder / "help.txt"
    text.write_text(text.read_text().replace("use_nnapi", "use_npu"))
    with (
        AdbBackend("pixel6", phone.device(delegate="nnapi"), SETTINGS) as backend,
        pytest.raises(DeviceLost, match="has no option --use_nnapi: it was built without it"),
    ):
        backend.machine()


def test_a_folder_that_cannot_be_made(phone: Phone) -> None:
    (phone.tmp / "tinytrill").write_text("a file in the way")
    with (
        AdbBackend("pixel6", phone.device(), SETTINGS) as backend,
        pytest.raises(
            DeviceLost, match=r"folder /data/local/tmp/tinytrill cannot be made .*(exists|directory)"
        ),
    ):
        backend.machine()
    assert phone.files() == ["tinytrill"], "not ours"


def test_a_full_disk_fails_one_model(phone: Phone, model: ModelUnderTest, tmp_path: Path) -> None:
    big = a_model(tmp_path, "big", b"a much bigger model")
    phone.is_(faults=[{"match": f"{big.sha256}.tflite", "do": "full", "once": False}])
    with AdbBackend("pixel6", phone.device(), SETTINGS) as backend:
        backend.begin_session()
        phone.is_(faults=[{"match": f"/{big.sha256}.tflite", "do": "full", "once": False}])
        with pytest.raises(MeasurementFailed) as failed:
            burst(backend, big)
        assert not isinstance(failed.value, DeviceLost)
        assert str(failed.value).startswith(
            "big/core-float32 on pixel6: big.tflite cannot be copied to the device:"
        )
        assert "No space left on device" in str(failed.value)
        assert not any(big.sha256 in name for name in phone.files()), "the half that arrived is removed"
        assert burst(backend, model).count == 105, "the other model is measured"
    assert phone.files() == []


def test_a_full_disk_at_the_tool_loses_the_device(phone: Phone) -> None:
    phone.is_(faults=[{"match": "/benchmark_model", "do": "full", "once": False}])
    with (
        AdbBackend("pixel6", phone.device(), SETTINGS) as backend,
        pytest.raises(DeviceLost, match=r"benchmark_model cannot be copied .*No space left on device"),
    ):
        backend.machine()


def test_a_file_that_arrives_damaged_is_not_measured(phone: Phone, model: ModelUnderTest) -> None:
    with AdbBackend("pixel6", phone.device(), SETTINGS) as backend:
        backend.begin_session()
        asked = int((phone.folder / "counter").read_text())
        phone.is_(faults=[{"at": asked + 1, "do": "damage"}])
        with pytest.raises(MeasurementFailed, match=r"student-a.tflite has other bytes on the device"):
            burst(backend, model)
        assert not any(model.sha256 in name for name in phone.files())
        assert burst(backend, model).count == 105


@pytest.mark.parametrize(
    ("signal", "reason"),
    [(9, "was killed, mostly for want of memory"), (11, "crashed"), (6, "aborted")],
)
def test_a_killed_process_fails_one_model(
    phone: Phone, model: ModelUnderTest, signal: int, reason: str
) -> None:
    with AdbBackend("pixel6", phone.device(), SETTINGS) as backend:
        backend.begin_session()
        (phone.folder / "signal").write_text(str(signal))
        with pytest.raises(
            MeasurementFailed, match=f"student-a/core-float32 on pixel6: benchmark_model {reason}"
        ):
            burst(backend, model)
        (phone.folder / "signal").unlink()
        assert burst(backend, model).count == 105
    assert waits(phone) == 0, "the device was there all the time"


@pytest.mark.parametrize("old_android", [False, True])
def test_a_model_that_fails_is_told_in_the_tools_words(
    phone: Phone, model: ModelUnderTest, old_android: bool
) -> None:
    phone.is_(old_android=old_android)
    phone.says("run.txt", "run_2024_gpu_failed.txt")
    (phone.folder / "exit").write_text("1")
    with AdbBackend("pixel6", phone.device(delegate="gpu"), SETTINGS) as backend:
        with pytest.raises(
            MeasurementFailed, match=r"failed \(1\): .*Failed to apply GPU delegate"
        ) as failed:
            backend.start(model)
        assert not isinstance(failed.value, DeviceLost)


@pytest.mark.parametrize("call", ["start", "time", "profile"])
def test_figures_of_another_delegate_are_no_figures(phone: Phone, model: ModelUnderTest, call: str) -> None:
    for run in ("run.txt", "profile_run.txt"):
        phone.says(run, "run_2024_xnnpack_unused.txt")
    with (
        AdbBackend("pixel6", phone.device(), SETTINGS) as backend,
        pytest.raises(MeasurementFailed, match="will not be executed by the delegate"),
    ):
        if call == "start":
            backend.start(model)
        elif call == "time":
            burst(backend, model)
        else:
            backend.profile(model, 20)


def test_output_that_cannot_be_read_is_a_failure(phone: Phone, model: ModelUnderTest) -> None:
    phone.says("run.txt", "run_2024_cut_short.txt")
    with (
        AdbBackend("pixel6", phone.device(), SETTINGS) as backend,
        pytest.raises(MeasurementFailed, match=r"student-a/core-float32 on pixel6: .*printed no timings"),
    ):
        burst(backend, model)


def test_a_model_that_hangs_is_stopped_on_both_sides(phone: Phone, model: ModelUnderTest) -> None:
    with AdbBackend("pixel6", phone.device(), MeasurementSettings(timeout_s=2)) as backend:
        backend.begin_session()
        phone.is_(faults=[{"match": "--num_runs=5", "do": "hang"}])
        with pytest.raises(MeasurementFailed, match="did not end within 2 s and was stopped") as failed:
            burst(backend, model)
        assert not isinstance(failed.value, DeviceLost)
        assert len(phone.killed()) == 1 and phone.killed()[0].startswith("-9 -f [r]un-")
        assert burst(backend, model).count == 105


def test_a_device_that_hangs_all_over_is_lost(phone: Phone, model: ModelUnderTest) -> None:
    phone.is_(faults=[{"match": "getprop", "do": "hang", "once": False}])
    with (
        AdbBackend("pixel6", phone.device(retries=1), MeasurementSettings(timeout_s=1)) as backend,
        pytest.raises(
            DeviceLost, match=r"adb did not end within 1 s; waited 1 times .*adb sees it again now"
        ),
    ):
        backend.machine()


def test_unauthorized_in_the_middle(phone: Phone, model: ModelUnderTest) -> None:
    """Android asks again when the key was revoked: until somebody answers, waiting does not help."""
    phone.is_(faults=[{"match": "--num_runs=5", "do": "unauthorized"}], returns_after=9)
    with (
        AdbBackend("pixel6", phone.device(retries=1, reconnect_s=0.3), SETTINGS) as backend,
        pytest.raises(DeviceLost, match="pixel6 was lost: "),
    ):
        burst(backend, model)
