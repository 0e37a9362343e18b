"""A student as a network: front end, features, pooling, bottleneck.

The target head that maps the embedding to the teacher's dimension belongs to the training
(``components/student_trainer``) and never ships.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tf_keras as keras

from components.common.modeling import bottleneck as bottlenecks
from components.common.modeling import frontend, quantisation
from components.common.modeling.frontend import LogMel
from schemas.students import FrontEndSpec, StudentSpec


@dataclass(frozen=True)
class Student:
    """A student in one form of its bottleneck.

    Attributes:
      spec: What it is made of.
      front_end: Its front end.
      features: Log-mel ``(batch, frames, mels)`` to pooled features ``(batch, features)``.
      moments: Log-mel to the features of each moment, ``(batch, moments, features)``, the mean of which is
        ``features``; None where the pooling keeps no time (flatten, token).
      bottleneck: Features to the embedding ``(batch, embedding_width)``.
      core: The two together: log-mel to embedding.
    """

    spec: StudentSpec
    front_end: FrontEndSpec
    features: keras.Model
    moments: keras.Model | None
    bottleneck: keras.Model
    core: keras.Model

    @property
    def wave(self) -> keras.Model:
        """Waveform ``(batch, window_samples)`` in [-1, 1] to embedding."""
        waveform = keras.Input((self.front_end.window_samples,), name="waveform")
        return keras.Model(
            waveform, self.core(LogMel(self.front_end, name=frontend.NAME)(waveform)), name="wave"
        )

    @property
    def frames(self) -> keras.Model:
        """Log-mel to one embedding a moment, ``(batch, moments, embedding_width)``.

        Their mean is the embedding of the patch: exactly where the bottleneck is linear, nearly where it is
        quantised.

        Raises:
          ValueError: If the pooling keeps no time.
        """
        if self.spec.qat == "network":
            raise ValueError(
                f"{self.spec.candidate_id}: a network quantised as a whole (qat 'network') gives no "
                "embeddings of moments; use qat 'bottleneck' or 'none'"
            )
        if self.moments is None:
            raise ValueError(
                f"{self.spec.candidate_id}: pooling {self.spec.pooling!r} leaves no moments; use 'gap'"
            )
        log_mel = keras.Input((self.front_end.frames, self.front_end.mels), name="log_mel")
        each = self.moments(log_mel)
        embedded = keras.layers.TimeDistributed(self.bottleneck, name="moment_embeddings")(each)
        return keras.Model(log_mel, embedded, name="frames")

    @property
    def parameters(self) -> int:
        """Weights that ship: moving averages count, state of the quantisers does not."""
        shipped = (weight for weight in self.core.weights if not quantisation.is_state(weight))
        return sum(int(np.prod(weight.shape)) for weight in shipped)

    def with_bottleneck(self, bottleneck: keras.Model) -> Student:
        """The same features under another bottleneck."""
        return assemble(self.spec, self.front_end, self.features, self.moments, bottleneck)

    def with_core(self, core: keras.Model) -> Student:
        """The same student as a quantised whole network, of which features and bottleneck are two parts."""
        first = next(layer for layer in self.bottleneck.layers if isinstance(layer, keras.layers.Dense))
        pooled = core.get_layer(f"quant_{first.name}").input
        return Student(
            self.spec,
            self.front_end,
            features=keras.Model(core.input, pooled, name="features"),
            moments=None,
            bottleneck=keras.Model(pooled, core.output, name=bottlenecks.NAME),
            core=core,
        )


def assemble(
    spec: StudentSpec,
    front_end: FrontEndSpec,
    features: keras.Model,
    moments: keras.Model | None,
    bottleneck: keras.Model,
) -> Student:
    """A student of its parts, which stay as they are."""
    # From the features' own output: calling them once more would take a third of the time of a build.
    core = keras.Model(features.input, bottleneck(features.output), name="core")
    return Student(spec, front_end, features, moments, bottleneck, core)
