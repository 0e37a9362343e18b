from __future__ import annotations

from collections.abc import Sequence

import pytest

from components.latency_benchmark.backends import benchmark_model
from components.latency_benchmark.backends.base import MeasurementFailed
from components.latency_benchmark.backends.benchmark_model import Input, Run
from components.latency_benchmark.backends.benchmark_profile import operators
from schemas.devices import Delegate
from tests.components.latency_benchmark.backends.phone import RECORDINGS

RUN = Run(warmup_runs=3, warmup_seconds=0.1, runs=5, seconds=0.25)


def recorded(name: str) -> str:
    return (RECORDINGS / f"{name}.txt").read_text()


def command(run: Run = RUN, values: Sequence[Input] = (), known: str = "", **settings: object) -> list[str]:
    given: dict[str, object] = {"threads": 2, "delegate": "xnnpack", "options": (), "max_seconds": 120.0}
    return benchmark_model.arguments(
        "/d/m.tflite",
        run,
        values,
        known=benchmark_model.known_options(known),
        **{**given, **settings},  # type: ignore[arg-type]
    )


def test_the_oldest_form_tells_means_only() -> None:
    result = benchmark_model.parse(recorded("run_2018"))
    assert (result.init_ms, result.first_ms, result.peak_mib) == (0.855, 17.911, None)
    burst = result.burst
    assert (burst.count, burst.mean_us, burst.min_us, burst.max_us) == (50, 16244.5, 15873, 17020)
    assert (burst.median_us, burst.p95_us, burst.samples_us) == (None, None, ())
    assert burst.typical_us == 16244.5


def test_the_form_of_2021_tells_first_inference_and_memory_and_large_numbers_with_exponents() -> None:
    result = benchmark_model.parse(recorded("run_2021"))
    assert (result.init_ms, result.first_ms, result.peak_mib) == (12.402, 1357.602, 38.809)
    assert (result.burst.count, result.burst.mean_us, result.burst.median_us) == (5, 1244270.0, None)


def test_the_newest_form_tells_median_and_95th_percentile() -> None:
    result = benchmark_model.parse(recorded("run_2024_xnnpack"))
    assert (result.init_ms, result.first_ms) == (5.757, 2.125)
    assert result.peak_mib == 9.832, "the growth since the tool's start, not the tool's own memory"
    burst = result.burst
    assert (burst.count, burst.mean_us, burst.min_us, burst.max_us) == (105, 947.132, 910, 1102)
    assert (burst.median_us, burst.p95_us) == (942, 991)


def test_memory_that_is_only_monitored_is_taken_as_it_is() -> None:
    output = recorded("run_2024_xnnpack").replace("Memory footprint delta", "No delta")
    assert benchmark_model.parse(output).peak_mib == 21.2383


@pytest.mark.parametrize("line", ["count=7 curr=250(all same)", "count=7 curr=250 p5=250 median=250 p95=250"])
def test_equal_times_are_told_once(line: str) -> None:
    output = recorded("run_2018").replace("count=50 first=16103 curr=16200", f"{line}\nnot this:")
    burst = benchmark_model.parse(output).burst
    assert (burst.count, burst.mean_us, burst.min_us, burst.max_us) == (7, 250, 250, 250)


def test_the_summary_alone_tells_init_too() -> None:
    output = recorded("run_2018").replace("Initialized session in 0.855ms", "")
    assert benchmark_model.parse(output).init_ms == 0.855


def test_a_line_inside_the_profile_is_no_burst() -> None:
    """``Timings (microseconds): count=..`` of the operators stands behind the two bursts."""
    assert benchmark_model.parse(recorded("profile_2024")).burst.count == 105


@pytest.mark.parametrize("recording", ["run_2024_cut_short", "run_2024_gpu_failed"])
def test_no_timings_is_a_failure(recording: str) -> None:
    with pytest.raises(MeasurementFailed, match="printed no timings"):
        benchmark_model.parse(recorded(recording))


def test_no_timed_invocation_is_a_failure() -> None:
    output = recorded("run_2018").replace("count=50 first=16103 curr=16200", "count=0\nnot this:")
    with pytest.raises(MeasurementFailed, match="timed no invocation: count=0"):
        benchmark_model.parse(output)


@pytest.mark.parametrize(
    ("recording", "delegate", "share"),
    [
        ("run_2021", "xnnpack", "Replacing 64 node"),
        ("run_2024_xnnpack", "xnnpack", "Replacing 61 out of 64 node"),
        ("run_2024_gpu", "gpu", "Replacing 64 out of 64 node"),
        ("run_2024_none", "none", ""),
        ("run_2018", "none", ""),
    ],
)
def test_a_delegate_that_runs_the_model_is_believed(recording: str, delegate: Delegate, share: str) -> None:
    output = recorded(recording)
    benchmark_model.check(0, output, delegate, ())
    told = benchmark_model.delegated(output, delegate)
    assert told.startswith(share) and bool(told) == bool(share)


@pytest.mark.parametrize(
    ("recording", "delegate", "reason"),
    [
        ("run_2024_xnnpack_unused", "xnnpack", "Though XNNPACK delegate is explicitly applied"),
        ("run_2024_gpu_unsupported", "gpu", "GPU acceleration is unsupported on this platform"),
        ("run_2024_xnnpack", "gpu", "does not say that GPU runs anything"),
        ("run_2024_gpu", "nnapi", "does not say that NNAPI runs anything"),
        ("run_2018", "xnnpack", "does not say that XNNPACK runs anything"),
        (
            "run_2024_xnnpack",
            "none",
            "runs XNNPACK although no delegate is wanted: .*XNNPACK delegate for CPU",
        ),
    ],
)
def test_figures_of_another_delegate_are_refused(recording: str, delegate: Delegate, reason: str) -> None:
    with pytest.raises(MeasurementFailed, match=reason):
        benchmark_model.check(0, recorded(recording), delegate, ())


def test_a_delegate_that_replaced_nothing_did_not_run() -> None:
    output = (
        recorded("run_2024_gpu").replace("Replacing 64 out", "Replacing 0 out").replace("Explicitly a", "A")
    )
    assert benchmark_model.delegated(output, "gpu").startswith("Applied GPU"), "an older wording counts"
    silent = output.replace("Applied GPU", "Met")
    with pytest.raises(MeasurementFailed, match="does not say that GPU runs"):
        benchmark_model.check(0, silent, "gpu", ())


def test_a_failure_is_told_in_the_tools_own_words() -> None:
    with pytest.raises(MeasurementFailed) as failed:
        benchmark_model.check(1, recorded("run_2024_gpu_failed"), "gpu", ())
    for words in (
        "benchmark_model failed (1)",
        "Batch size mismatch, expected 1",
        "Failed to apply GPU delegate",
    ):
        assert words in str(failed.value)


@pytest.mark.parametrize(
    ("code", "output", "reason"),
    [
        (137, "STARTING!\nKilled\n", "was killed, mostly for want of memory: Killed"),
        (139, "STARTING!\nSegmentation fault\n", "crashed: Segmentation fault"),
        (
            134,
            "ERROR: The size of x is 4 bytes. It should be 8 bytes.\nAborted\n",
            "aborted: ERROR: The size of x",
        ),
        (132, "STARTING!\n", "ended by signal 4: STARTING!"),
        (1, "", "failed \\(1\\): it printed nothing"),
    ],
)
def test_a_process_that_ended_badly(code: int, output: str, reason: str) -> None:
    with pytest.raises(MeasurementFailed, match=reason):
        benchmark_model.check(code, output, "none", ())


def test_an_unknown_option_matters_if_it_decides_what_is_measured() -> None:
    output = recorded("run_2024_unknown_options")
    with pytest.raises(
        MeasurementFailed, match=r"does not know --gpu_precision_loss_allowed=false, --use_xnnpack"
    ):
        benchmark_model.check(0, output, "xnnpack", ("--gpu_precision_loss_allowed=false",))
    benchmark_model.check(0, output.replace("--use_xnnpack=true ", ""), "xnnpack", ())


def test_the_command_line_names_every_delegate() -> None:
    assert command(options=("--run_delay=0.01",)) == [
        "--graph=/d/m.tflite",
        "--num_threads=2",
        "--num_runs=5",
        "--min_secs=0.25",
        "--max_secs=120",
        "--warmup_runs=3",
        "--warmup_min_secs=0.1",
        "--use_xnnpack=true",
        "--use_gpu=false",
        "--use_nnapi=false",
        "--run_delay=0.01",
    ]
    for delegate, on in [("gpu", "--use_gpu=true"), ("nnapi", "--use_nnapi=true")]:
        given = command(delegate=delegate)
        assert on in given and "--use_xnnpack=false" in given
    assert "--use_xnnpack=false" in command(delegate="none")


def test_input_and_profile_are_asked_for() -> None:
    value = Input("/d/a.input", (1, 96, 64))
    given = command(Run(1, 0, 20, 0, profile=True), [value], recorded("help_2024"))
    assert given[-4:] == [
        "--enable_op_profiling=true",
        "--input_layer=input",
        "--input_layer_shape=1,96,64",
        "--input_layer_value_files=input:/d/a.input",
    ]


def test_each_input_of_a_stream_has_a_file_of_its_own() -> None:
    values = [Input("/d/a.input", (1, 3840)), Input("/d/b.input", (1, 72, 65)), Input("/d/c.input", (1, 240))]
    assert command(values=values, known=recorded("help_2024"))[-3:] == [
        "--input_layer=input,input1,input2",
        "--input_layer_shape=1,3840:1,72,65:1,240",
        "--input_layer_value_files=input:/d/a.input,input1:/d/b.input,input2:/d/c.input",
    ]


def test_what_a_build_does_not_have_is_left_out_unless_it_decides() -> None:
    small = "\n".join(line for line in recorded("help_2024").splitlines() if "gpu" not in line)
    known = benchmark_model.known_options(small)
    assert not any("gpu" in option for option in command(known=small))
    assert benchmark_model.missing_options(known, "xnnpack", ()) == []
    assert benchmark_model.missing_options(known, "gpu", ("--gpu_backend=cl",)) == ["use_gpu", "gpu_backend"]
    silent = benchmark_model.known_options(recorded("help_2018"))
    assert benchmark_model.missing_options(silent, "gpu", ()) == [], "it tells nothing, so it is tried"
    assert not benchmark_model.takes_input(silent) and benchmark_model.takes_input(known)


@pytest.mark.parametrize("option", ["--num_threads=4", "--use_gpu=true", "--graph=x", "--num_runs=1"])
def test_options_may_not_contradict(option: str) -> None:
    with pytest.raises(ValueError, match=f"option '{option}' of benchmark_model is set by TinyTrill itself"):
        benchmark_model.check_options([option])


@pytest.mark.parametrize("option", ["gpu_backend=cl", "-x", "--", "; rm -rf /"])
def test_options_must_look_like_options(option: str) -> None:
    with pytest.raises(ValueError, match="must look like --name=value"):
        benchmark_model.check_options([option])
    benchmark_model.check_options(["--gpu_backend=cl", "--verbose"])


def test_operators_of_the_newest_form() -> None:
    """12 calls of 0.05 ms are 600 us; tensors are prepared once, not in each invocation."""
    found = operators(recorded("profile_2024"))
    assert [(one.operator, one.count) for one in found] == [
        ("Convolution (NHWC, QC8) DWConv", 12),
        ("MEAN", 1),
        ("Static Reshape (NC)", 1),
    ]
    assert [one.mean_us for one in found] == pytest.approx([600, 396, 4])
    assert [one.share for one in found] == pytest.approx([0.6, 0.396, 0.004])
    assert found[1].name == "StatefulPartitionedCall:0"


def test_operators_inside_a_delegate_stand_for_the_delegate() -> None:
    """6 ms + 4 calls of 0.5 ms inside, 1 ms beside; the delegate's 9 ms as a whole are not counted again."""
    found = operators(recorded("profile_2021_inside"))
    assert [(one.operator, one.name, one.mean_us) for one in found] == [
        ("Convolution (NHWC, F32) IGEMM", "Delegate/Convolution (NHWC, F32) IGEMM:0", 6000),
        ("Add (ND, F32)", "Delegate/Add (ND, F32):1", 2000),
        ("AVERAGE_POOL_2D", "net/AvgPool", 1000),
    ]


def test_a_delegate_that_tells_no_operators_stays_one_row() -> None:
    output = recorded("profile_2021_inside").partition("Delegate internal")[0]
    assert [one.operator for one in operators(output)] == ["TfLiteXNNPackDelegate", "AVERAGE_POOL_2D"]


def test_operators_of_the_oldest_form_tell_no_calls() -> None:
    found = operators(recorded("profile_2019"))
    assert [(one.operator, one.mean_us) for one in found] == [
        ("CONV_2D", 4200),
        ("SOFTMAX", 2000),
        ("DEPTHWISE_CONV_2D", 1800),
    ]
    assert found[0].share == pytest.approx(4.2 / 8)


def test_no_table_no_operators() -> None:
    assert operators(recorded("run_2024_xnnpack")) == []
