"""Student files as functions of windows; those that take a stream are given a window chunk by chunk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from components.common.modeling.litert import Array, LiteRtModel
from schemas.tensors import NEXT, VariantInput


class StreamModel(LiteRtModel):
    """A stream file, whose answer to a window is that to a stream that was silent until the window began."""

    def run_each(self, items: Array) -> Array:
        """Embeds windows, each from the state of zeros.

        Args:
          items: Windows ``(n, samples)``, n at least 1; zeros in front of each fill its first chunk.

        Returns:
          The embedding at the end of each window, ``(n, D)``.

        Raises:
          ValueError: If the file has no state.
        """
        source, *states = self.inputs
        names = [output.name for output in self.outputs]
        places = [names.index(NEXT + state.name) for state in states if NEXT + state.name in names]
        if not states or len(places) < len(states):
            raise ValueError(f"{[source, *states]} to {names} is no stream file: it has no state")
        answers = []
        for window in items:
            padded = np.pad(window, (-len(window) % source.shape[1], 0)).astype(np.float32)
            state = [np.zeros(one.shape, np.float32) for one in states]
            for chunk in padded.reshape(-1, *source.shape):
                answer = self.run(chunk, *state)
                state = [answer[place] for place in places]
            answers.append(answer[0][0])
        return np.stack(answers)


def open_variant(model: str | Path | bytes, input: VariantInput) -> LiteRtModel:
    """A student's file as a function of what it is judged on: windows, of a core file their log-mels.

    Raises:
      FileNotFoundError: If the file does not exist.
      ValueError: If LiteRT cannot read it.
    """
    return StreamModel(model) if input == "stream" else LiteRtModel(model)
