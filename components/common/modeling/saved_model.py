"""A student as a SavedModel in the form of TensorFlow Hub: waveform in, embedding out, to be trained further.

``hub.load`` and ``tf.saved_model.load`` give an object that is called with ``(batch, samples)`` in [-1, 1]
and, if wanted, ``training=True``, and has ``variables``, ``trainable_variables`` and
``regularization_losses``: the interface of reusable SavedModels (https://www.tensorflow.org/hub/reusable_saved_models).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from components.common.modeling.student_network import Student

WAVEFORM, EMBEDDING = "waveform", "embedding"


def save_model(student: Student, folder: Path) -> None:
    """Writes a student with its front end; the signature ``serving_default`` names input and output.

    Of the network the variables and two functions are kept, and no Keras layers: writing those would trace
    each of them anew, which takes about as long again.

    Args:
      student: In the form that ships.
      folder: New.
    """
    wave = student.wave
    waveform = tf.TensorSpec((None, student.front_end.window_samples), tf.float32, name=WAVEFORM)

    def embed(waveform: Any, training: bool = False) -> Any:
        return wave(waveform, training=training)

    def serve(waveform: Any) -> dict[str, Any]:
        return {EMBEDDING: wave(waveform, training=False)}

    reusable = tf.__internal__.tracking.AutoTrackable()
    reusable.__call__ = tf.function(embed, autograph=False)
    for training in (False, True):
        reusable.__call__.get_concrete_function(waveform, training=training)
    reusable.variables = list(wave.variables)
    reusable.trainable_variables = list(wave.trainable_variables)
    reusable.regularization_losses = []
    serving = tf.function(serve, input_signature=[waveform], autograph=False)
    tf.saved_model.save(reusable, str(folder), signatures=serving)
