"""The files of a student, all of them derived from one conversion of its network.

float16 and dynamic are the float file with its weights stored otherwise, int8 is the float file with ranges
from real sound, int8io is the int8 file without its float ends, and every ``wave`` or ``stream`` file is a
front end joined to the ``core`` file of its precision.
"""

from __future__ import annotations

from components.common.modeling.frontend import LogMel
from components.common.modeling.student_network import Student
from components.tflite_converter import dynamic_range, full_integer, half_precision
from components.tflite_converter.conversion import ConversionRefused, convert
from components.tflite_converter.front_end import front_end_file
from components.tflite_converter.integer_ends import strip_ends
from components.tflite_converter.join import join
from components.tflite_converter.layer_noise import Values, layer_noise, layer_values
from components.tflite_converter.settings import ConverterSettings, VariantName, split_name
from components.tflite_converter.stream import stream_front_end_file
from components.tflite_converter.traces import Array
from components.tflite_converter.windows import TRAINING, draw_windows
from schemas.tflite_reports import LayerNoise, Precision

FLOAT_AGAIN = "no float weights are left to store otherwise: the file would be the float32 one again"
TRAINED_FOR_INT8 = "its network was trained for int8: int8 is the one precision it has"


class Network:
    """One student's network in all its precisions; each is made once, when it is first asked for."""

    def __init__(
        self, student: Student, windows_uri: str, settings: ConverterSettings, seed: int = 0
    ) -> None:
        """Remembers what the files are made of; nothing is converted yet.

        Args:
          student: To convert.
          windows_uri: The ``DistillationSet`` whose train split is representative.
          settings: Of the converter.
          seed: Chooses the representative windows.
        """
        self._student, self._windows_uri, self._settings, self._seed = student, windows_uri, settings, seed
        self._cores: dict[Precision, bytes | ConversionRefused] = {}
        self._noise: dict[Precision, list[LayerNoise]] = {}
        self._floats: Values = {}

    def file(self, name: VariantName) -> bytes:
        """The file of a variant.

        Raises:
          ConversionRefused: If there is none; the message says why.
          ValueError: If the training windows do not fit the student.
        """
        kind, precision = split_name(name)
        core = self._core(precision)
        if kind == "core":
            return core
        spec, settings = self._student.front_end, self._settings
        if kind == "wave":
            return join(front_end_file(spec, settings.front_end), core)
        try:
            frames = settings.stream_frames(spec)
        except ValueError as error:
            raise ConversionRefused(str(error)) from error
        return join(stream_front_end_file(spec, frames, settings.front_end), core)

    def noise(self, precision: Precision, patches: Array) -> list[LayerNoise]:
        """Noise of a quantised precision's layers on ``(n, frames, mels)`` patches.

        The front end is float in every file, so this is the noise of ``wave`` and ``stream`` files too. Empty
        without patches, for float32, and for a network that has no float file to compare with.
        """
        if precision == "int8io":
            return self.noise("int8", patches)
        if precision == "float32" or self._student.spec.qat == "network" or not len(patches):
            return []
        if precision not in self._noise:
            self._floats = self._floats or layer_values(self._core("float32"), patches)
            self._noise[precision] = layer_noise(self._core(precision), self._floats, patches)
        return self._noise[precision]

    def _core(self, precision: Precision) -> bytes:
        if precision not in self._cores:
            try:
                self._cores[precision] = self._derived(precision)
            except ConversionRefused as error:
                self._cores[precision] = error
        content = self._cores[precision]
        if isinstance(content, ConversionRefused):
            raise content
        return content

    def _derived(self, precision: Precision) -> bytes:
        settings = self._settings
        native: Precision = "int8" if self._student.spec.qat == "network" else "float32"
        if precision == "int8io":
            content = self._core("int8")
            if native == "int8":
                # Training for int8 leaves squeeze-and-excite gates in float32: they get ranges from sound.
                content = full_integer.quantise(content, self._representative(), settings.outlier_share)
            return strip_ends(content)
        if precision == native:
            return convert(self._student, settings.frame_output)
        if native == "int8":
            raise ConversionRefused(TRAINED_FOR_INT8)
        content = self._core("float32")
        if precision == "int8":
            return full_integer.quantise(content, self._representative(), settings.outlier_share)
        store = half_precision.halve if precision == "float16" else dynamic_range.quantise
        smaller = store(content, settings.min_quantised_elements)
        if smaller == content:
            raise ConversionRefused(FLOAT_AGAIN)
        return smaller

    def _representative(self) -> Array:
        front_end, settings = self._student.front_end, self._settings
        waveforms = draw_windows(
            self._windows_uri,
            TRAINING,
            settings.representative_windows,
            front_end.window_samples,
            self._seed,
        )
        patches: Array = LogMel(front_end)(waveforms).numpy()
        return patches
