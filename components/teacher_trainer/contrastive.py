"""The contrastive objective of COLA.

Saeed, Grangier and Zeghidour 2021, "Contrastive Learning of General-Purpose Audio Representations"
(arXiv 2010.10915), "Method": two windows of a clip are to be told among all windows of the batch by a
bilinear similarity ``g(x)' W g(x')``; ``g`` is a dense layer, layer normalisation and a tanh on top of what
is kept. The loss is taken in both directions.
"""

from __future__ import annotations

import tensorflow as tf
import tf_keras as keras

_SHARPNESS = 10.0


class BilinearSimilarity(keras.Model):
    """Similarities ``(n, n)`` of the rows of two batches of embeddings ``(n, dim)``."""

    def __init__(self, projection: int, embedding_dim: int) -> None:
        """Makes fresh weights for embeddings of so many dimensions."""
        super().__init__(name="bilinear_similarity")
        self._project = keras.Sequential(
            [
                keras.layers.Dense(projection, input_shape=(embedding_dim,)),
                keras.layers.LayerNormalization(),
                keras.layers.Activation("tanh"),
            ]
        )
        # It starts as an inner product of about this range. From random weights, whose similarities say
        # nothing and are large, the first epochs were spent on unlearning them.
        self._bilinear = keras.layers.Dense(
            projection,
            use_bias=False,
            kernel_initializer=keras.initializers.Identity(_SHARPNESS / projection),
        )
        self._bilinear.build((None, projection))

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """Similarity of each anchor, by row, with each positive, by column."""
        anchors, positives = (self._project(each) for each in inputs)
        return tf.matmul(self._bilinear(anchors), positives, transpose_b=True)


def contrastive_loss(similarities: tf.Tensor) -> tf.Tensor:
    """Mean cross-entropy of telling row i's own column among all, and column i's own row.

    Args:
      similarities: ``(n, n)``; what belongs together is on the diagonal.
    """
    right = tf.range(tf.shape(similarities)[0])
    losses = [
        keras.losses.sparse_categorical_crossentropy(right, scores, from_logits=True)
        for scores in (similarities, tf.transpose(similarities))
    ]
    return (tf.reduce_mean(losses[0]) + tf.reduce_mean(losses[1])) / 2.0
