"""The devices a run is timed on: what each is, how it is reached, and what it allows a model."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from schemas.settings import Settings
from schemas.tensors import VariantInput

Percentile = Literal["p50", "p90", "p95", "p99", "mean"]
Delegate = Literal["xnnpack", "gpu", "nnapi", "none"]

# Limits of a budget, by what they are held against.
OF_TIME = ("milliseconds", "real_time_factor")
OF_BOARD = ("arena_kib", "flash_kib", "mega_macs")

DEVICE_NAME = r"^[a-z][a-z0-9_-]{0,40}$"


class Budget(Settings):
    """What a device allows a file that is to ship on it: time, or memory and arithmetic of a board."""

    percentile: Percentile = Field("p95", description="Which figure of the latency is held against it.")
    milliseconds: float | None = Field(None, gt=0, description="Most milliseconds a window; none: no limit.")
    real_time_factor: float | None = Field(
        None, gt=0, description="Most seconds of computing for a second of sound; none: no limit."
    )
    arena_kib: float | None = Field(
        None, gt=0, description="Of a board: largest tensor arena, KiB; none: no limit."
    )
    flash_kib: float | None = Field(None, gt=0, description="Of a board: largest file, KiB; none: no limit.")
    mega_macs: float | None = Field(
        None, gt=0, description="Of a board: most multiply-accumulates a window, millions; none: no limit."
    )
    input: VariantInput | None = Field(None, description="Judge only files of this input; unset: all.")

    @property
    def of_time(self) -> list[str]:
        """The limits in it that a clock decides on."""
        return [name for name in OF_TIME if getattr(self, name) is not None]

    @property
    def of_board(self) -> list[str]:
        """The limits in it that a board's memory and arithmetic decide on."""
        return [name for name in OF_BOARD if getattr(self, name) is not None]

    @property
    def words(self) -> list[str]:
        """Each limit in it, as in 'p95 8 ms' or 'arena 256 KiB'."""
        forms = {
            "milliseconds": f"{self.percentile} {{:g}} ms",
            "real_time_factor": f"{self.percentile} real-time factor {{:g}}",
            "arena_kib": "arena {:g} KiB",
            "flash_kib": "flash {:g} KiB",
            "mega_macs": "{:g} M multiply-accumulates",
        }
        return [forms[name].format(getattr(self, name)) for name in (*self.of_time, *self.of_board)]

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if not self.of_time and not self.of_board:
            raise ValueError(f"a budget needs one of {', '.join((*OF_TIME, *OF_BOARD))}, or several")
        return self


class _Device(Settings):
    """What all devices have."""

    MEASURES_TIME: ClassVar[bool] = True

    budgets: tuple[Budget, ...] = Field((), description="What a blessed file must keep to; none: no limit.")
    ambient: str = Field("", description="Whatever else matters, in words: temperature, case, charger.")

    @model_validator(mode="after")
    def _measures_what_is_limited(self) -> Self:
        for number, budget in enumerate(self.budgets):
            foreign, own = (budget.of_board, OF_TIME) if self.MEASURES_TIME else (budget.of_time, OF_BOARD)
            if foreign:
                raise ValueError(
                    f"budget {number + 1} limits {', '.join(foreign)}, which such a device does not measure; "
                    f"accepted: {', '.join(own)}"
                )
        return self


class HostDevice(_Device):
    """This machine, by LiteRT in processes of their own; its figures are never called a device's."""

    backend: Literal["host"] = Field("host", description="This machine.")
    threads: int = Field(1, ge=1, le=64, description="Threads of the interpreter.")
    delegate: Literal["xnnpack", "none"] = Field("xnnpack", description="XNNPACK kernels, or TFLite's own.")
    cores: tuple[int, ...] | Literal["last", "any"] = Field(
        "last",
        description="Cores to keep to: numbers, 'last' for as many of the last ones as there are threads, "
        "'any' for none in particular.",
    )


class AdbDevice(_Device):
    """An Android device on a cable, by TFLite's benchmark_model."""

    backend: Literal["adb"] = Field("adb", description="An Android device on a cable.")
    serial: str = Field(min_length=1, description="As 'adb devices' lists it.")
    benchmark_model: str = Field(
        min_length=1, description="TFLite's benchmark_model, built for the device; a file on this machine."
    )
    adb: str = Field("adb", min_length=1, description="The adb command.")
    folder: str = Field(
        "/data/local/tmp/tinytrill",
        pattern=r"^/[A-Za-z0-9._/-]+$",
        description="Where files go on it.",
    )
    threads: int = Field(1, ge=1, le=64, description="Threads of the interpreter.")
    delegate: Delegate = Field("xnnpack", description="XNNPACK, GPU, NNAPI, or TFLite's own kernels.")
    core_mask: str = Field(
        "",
        pattern=r"^[0-9a-fA-F]{0,16}$",
        description="Hexadecimal mask for taskset, as f0; empty: any core.",
    )
    options: tuple[str, ...] = Field(
        (), description="Further options of benchmark_model, as --gpu_precision_loss_allowed=false."
    )
    max_start_temperature_c: float | None = Field(
        None, gt=0, description="Wait until the device is as cool before each session; none: do not wait."
    )
    retries: int = Field(3, ge=0, le=100, description="Times to wait for the device when it is gone.")
    reconnect_s: float = Field(60.0, gt=0, description="Longest wait for it, each time.")


class MicroDevice(_Device):
    """A microcontroller, by TensorFlow Lite Micro's interpreter on this machine: memory, and no time."""

    MEASURES_TIME: ClassVar[bool] = False

    backend: Literal["micro"] = Field("micro", description="TensorFlow Lite Micro, as its wheel carries it.")
    board: str = Field("", max_length=80, description="Which board it stands for, in words; empty: any.")


class ReplayDevice(_Device):
    """A device that was timed before: the report and the raw samples are read again."""

    backend: Literal["replay"] = Field("replay", description="A record of earlier measurements.")
    report: str = Field(min_length=1, description="Folder of the recorded report and its samples.")


Device = Annotated[HostDevice | AdbDevice | MicroDevice | ReplayDevice, Field(discriminator="backend")]
