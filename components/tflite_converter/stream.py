"""The front end of a stream: a chunk of sound and the state in, a patch that ends with it and the state out.

The log-mel of a frame is computed once, in the chunk that completes it, and kept for the windows to come.
All state is in tensors of the file, and the caller hands ``next_<state>`` of one invocation to ``<state>`` of
the next:

* ``state_frames`` ``(1, frames - new, mels + 1)``: frames of earlier chunks that the next patch still holds.
  The last column is 1 for a frame that was heard and 0 for one that was not, which the patch then has as
  silence: a state of zeros is a stream that was silent until now. No such state where a chunk is a window;
* ``state_samples`` ``(1, frame_samples - hop_samples)``: the end of the sound so far, which the next frame
  begins with. No such state where frames do not overlap.

Frames end where a chunk ends, so that the window of an embedding is the last ``window_samples`` of the sound.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from components.tflite_converter.conversion import FRONT_END, LOG_MEL, ConversionRefused, convert_function
from components.tflite_converter.front_end import log_mel_of
from components.tflite_converter.settings import FrontEndForm
from schemas.students import FrontEndSpec
from schemas.tensors import NEXT, STATE

SAMPLES = "samples"
STATE_FRAMES, STATE_SAMPLES = f"{STATE}frames", f"{STATE}samples"


@lru_cache(maxsize=4)
def stream_front_end_file(spec: FrontEndSpec, new_frames: int, form: FrontEndForm) -> bytes:
    """A chunk ``(1, new_frames * hop_samples)`` and the state to log-mel ``(1, frames, mels)`` and the state.

    Args:
      spec: Of the student.
      new_frames: Frames of a chunk, at most those of a patch.
      form: Of the spectrum.

    Raises:
      ConversionRefused: If the converter fails, or the stream would have no state.
      ValueError: If the form does not suit the specification.
    """
    stream = StreamLogMel(spec, new_frames, form)
    states = list(stream.inputs)[1:]
    if not states:
        raise ConversionRefused(
            f"chunks of {new_frames} frames that do not overlap are windows without state: take the wave file"
        )
    return convert_function(stream, stream.inputs, [LOG_MEL, *(NEXT + name for name in states)], FRONT_END)


class StreamLogMel:
    """The patch of the last ``frames`` frames, of which a chunk brings ``new_frames``.

    Attributes:
      inputs: Names and shapes of what a call takes: the chunk, then the state.
    """

    def __init__(self, spec: FrontEndSpec, new_frames: int, form: FrontEndForm) -> None:
        """Prepares the computation of a chunk's frames.

        Raises:
          ConversionRefused: If frames leave sound between them out.
          ValueError: If the form does not suit the specification.
        """
        kept, overlap = spec.frames - new_frames, spec.frame_samples - spec.hop_samples
        if overlap < 0:
            raise ConversionRefused(
                f"hop_samples is {spec.hop_samples}, so that frames of {spec.frame_samples} samples leave "
                "sound out: a stream has no file for that"
            )
        self._log_mel = log_mel_of(spec.model_copy(update={"frames": new_frames}), form)
        self._new, self._mels = new_frames, spec.mels
        self._silence = np.log(np.float32(spec.log_offset))
        self.inputs: dict[str, tuple[int, ...]] = {SAMPLES: (1, new_frames * spec.hop_samples)}
        if kept:
            self.inputs[STATE_FRAMES] = (1, kept, spec.mels + 1)
        if overlap:
            self.inputs[STATE_SAMPLES] = (1, overlap)

    def __call__(self, *tensors: Any) -> list[Any]:
        """Maps the inputs to the patch ``(1, frames, mels)`` and the next state, in the same order."""
        import tensorflow as tf

        given = dict(zip(self.inputs, tensors, strict=True))
        sound = given[SAMPLES]
        if STATE_SAMPLES in given:
            sound = tf.concat([given[STATE_SAMPLES], sound], 1)
            given[STATE_SAMPLES] = sound[:, self.inputs[SAMPLES][1] :]
        patch = self._log_mel(sound)
        if STATE_FRAMES in given:
            heard = tf.pad(patch, [[0, 0], [0, 0], [0, 1]], constant_values=1.0)
            frames = tf.concat([given[STATE_FRAMES], heard], 1)
            given[STATE_FRAMES] = frames[:, self._new :]
            # Adds exactly nothing to a frame that was heard: its values stay those of the wave file.
            patch = frames[:, :, : self._mels] + (1 - frames[:, :, self._mels :]) * self._silence
        return [patch, *(given[name] for name in list(self.inputs)[1:])]
