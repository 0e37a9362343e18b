"""The base of every typed setting and report."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError


def ordered(value: tuple[float, float]) -> tuple[float, float]:
    """Refuses a range whose ends stand the wrong way round."""
    if value[0] > value[1]:
        raise ValueError(f"a range goes from the lower to the higher value, got {list(value)}")
    return value


Range = Annotated[tuple[float, float], AfterValidator(ordered)]


class Settings(BaseModel):
    """Immutable settings: an unknown key is an error, and every field has a description."""

    # A refused value may be a secret: whoever tells of it redacts it first.
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        protected_namespaces=(),
        hide_input_in_errors=True,
    )

    def to_parameter(self) -> str:
        """The settings as one JSON string: the form in which Kubeflow passes parameters."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)

    @classmethod
    def from_parameter(cls, parameter: str) -> Self:
        """Reads what :meth:`to_parameter` wrote."""
        return cls.model_validate_json(parameter)


class UnreadableReport(ValueError):
    """A report that is not there, or is not what its schema asks for; the message names the file and why.

    Attributes:
      missing: Whether the file is not there.
    """

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing


class Report(BaseModel):
    """A JSON file with a published schema, ``json/*.schema.json`` beside this file.

    Every figure says what was measured, on how many, in which unit and with which spread; every figure
    of a model carries the sha256 of the file it was taken from. A figure that is not finite is written
    as it is, so that the gate can refuse it by name.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), ser_json_inf_nan="constants"
    )

    def write(self, folder: str | Path, name: str) -> Path:
        """Writes the report as ``folder/name``."""
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return path

    @classmethod
    def read(cls, folder: str | Path, name: str) -> Self:
        """Reads ``folder/name``.

        Raises:
          UnreadableReport: If the file is not there, or is cut short, or holds something else.
        """
        path = Path(folder) / name
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            missing = isinstance(error, FileNotFoundError | NotADirectoryError)
            reason = error.strerror or str(error)
            raise UnreadableReport(f"{path} cannot be read ({reason})", missing=missing) from error
        except ValidationError as error:
            raise UnreadableReport(f"{path} is not a valid {_words(cls)}: {first_fault(error)}") from error


def first_fault(error: ValidationError) -> str:
    """The first fault with its place, and how many more there are; the faulty value is not told."""
    first, more = error.errors(include_url=False, include_input=False)[0], error.error_count() - 1
    place = ".".join(str(part) for part in first["loc"])
    return f"{place or 'file'}: {first['msg']}" + (
        f" (and {more} more fault{'s' if more > 1 else ''})" if more else ""
    )


def _words(kind: type[Report]) -> str:
    """As in 'latency report'."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).lower()


class ReportFile(Report):
    """A report with a fixed file name."""

    FILE: ClassVar[str]

    def save(self, folder: str | Path) -> None:
        """Writes the report under its own name into ``folder``."""
        self.write(folder, self.FILE)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Reads the report from ``folder``.

        Raises:
          UnreadableReport: If it is not there, or is cut short, or holds something else.
        """
        return cls.read(folder, cls.FILE)
