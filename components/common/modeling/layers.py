"""Layers that the convolutional architectures share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import tf_keras as keras

ActivationName = Literal["relu", "relu6", "hard_swish", "hard_sigmoid", "swish", "sigmoid"]


@keras.saving.register_keras_serializable(package="tinytrill")
def hard_swish(x: Any) -> Any:
    """``x * relu6(x + 3) / 6`` (Howard et al. 2019, equation 3)."""
    return x * keras.activations.relu(x + 3.0, max_value=6.0) * (1.0 / 6.0)


@keras.saving.register_keras_serializable(package="tinytrill")
def hard_sigmoid(x: Any) -> Any:
    """``relu6(x + 3) / 6`` (Howard et al. 2019, section 5.2).

    A layer of its own, because operators on tensors make layers that Keras numbers through the whole
    process: names in a converted file would depend on what else the process built.
    """
    return keras.activations.relu(x + 3.0, max_value=6.0) * (1.0 / 6.0)


def activation(kind: ActivationName, name: str) -> Any:
    """An activation as a layer."""
    own = {"hard_swish": hard_swish, "hard_sigmoid": hard_sigmoid}
    if kind in ("relu", "relu6"):
        return keras.layers.ReLU(max_value=6.0 if kind == "relu6" else None, name=name)
    return keras.layers.Activation(own.get(kind, kind), name=name)


def patch_input(frames: int, mels: int) -> tuple[Any, Any]:
    """The input of a network, ``(batch, frames, mels)``, and the same with one channel."""
    log_mel = keras.Input((frames, mels), name="log_mel")
    return log_mel, keras.layers.Reshape((frames, mels, 1), name="channel")(log_mel)


@dataclass(frozen=True)
class Convolutions:
    """Appends convolutions with one batch normalisation.

    Attributes:
      momentum: Of the moving averages. Keras' own 0.999 in its mobile networks needs many thousand steps
        before the network works in inference mode.
      epsilon: Added to the variance.
      initializer: Of the kernels: its name in Keras, or its configuration.
    """

    momentum: float
    epsilon: float = 1e-3
    initializer: str | dict[str, Any] = "glorot_uniform"

    def convolution(
        self,
        x: Any,
        filters: int,
        kernel: int,
        *,
        name: str,
        stride: int = 1,
        activate: ActivationName | None = None,
    ) -> Any:
        """Convolution, batch normalisation and, where given, an activation."""
        x = keras.layers.Conv2D(
            filters,
            kernel,
            strides=stride,
            padding="same",
            use_bias=False,
            kernel_initializer=self.initializer,
            name=f"{name}_conv",
        )(x)
        return self._normalise(x, activate, name)

    def depthwise(
        self, x: Any, kernel: int, *, name: str, stride: int = 1, activate: ActivationName | None = None
    ) -> Any:
        """Depthwise convolution, batch normalisation and, where given, an activation."""
        x = keras.layers.DepthwiseConv2D(
            kernel,
            strides=stride,
            padding="same",
            use_bias=False,
            depthwise_initializer=self.initializer,
            name=f"{name}_conv",
        )(x)
        return self._normalise(x, activate, name)

    def squeeze_excite(
        self,
        x: Any,
        reduced: int,
        *,
        name: str,
        activate: ActivationName = "relu",
        gate: ActivationName = "hard_sigmoid",
    ) -> Any:
        """Weighs the channels by what the whole map holds (Hu et al. 2018)."""
        weights = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
        weights = keras.layers.Conv2D(reduced, 1, kernel_initializer=self.initializer, name=f"{name}_reduce")(
            weights
        )
        weights = activation(activate, f"{name}_activation")(weights)
        weights = keras.layers.Conv2D(
            x.shape[-1], 1, kernel_initializer=self.initializer, name=f"{name}_expand"
        )(weights)
        weights = activation(gate, f"{name}_gate")(weights)
        return keras.layers.Multiply(name=f"{name}_scale")([x, weights])

    def _normalise(self, x: Any, activate: ActivationName | None, name: str) -> Any:
        x = keras.layers.BatchNormalization(epsilon=self.epsilon, momentum=self.momentum, name=f"{name}_bn")(
            x
        )
        return activation(activate, f"{name}_activation")(x) if activate else x
