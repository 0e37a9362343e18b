"""The triplet loss on temporal proximity.

Shor et al. 2020, section 3.1: windows of one clip shall lie nearer together than windows of different
clips, with semi-hard negatives from the batch (Schroff et al. 2015, "FaceNet", section 3.2).
"""

from __future__ import annotations

import tensorflow as tf


def squared_distances(anchors: tf.Tensor, positives: tf.Tensor) -> tf.Tensor:
    """Squared distances ``(n, n)`` between the l2-normalised rows of two ``(n, dim)``, from 0 to 4."""
    anchors, positives = tf.math.l2_normalize(anchors, axis=1), tf.math.l2_normalize(positives, axis=1)
    return tf.maximum(2.0 - 2.0 * tf.matmul(anchors, positives, transpose_b=True), 0.0)


def semi_hard_loss(anchors: tf.Tensor, positives: tf.Tensor, margin: float) -> tf.Tensor:
    """Mean triplet loss of a batch in which row i of both is from clip i, each from another clip.

    The negative of a pair is the nearest one that lies farther than its positive; if all lie nearer,
    the farthest of them. Each window of a pair is the anchor once.
    """
    distances = squared_distances(anchors, positives)
    return (_mined(distances, margin) + _mined(tf.transpose(distances), margin)) / 2.0


def triplet_accuracy(anchors: tf.Tensor, positives: tf.Tensor) -> tf.Tensor:
    """Share of all triplets of the batch whose positive is nearer than the negative."""
    return share_in_order(-squared_distances(anchors, positives))


def share_in_order(similarities: tf.Tensor) -> tf.Tensor:
    """Share of the triplets of ``(n, n)`` similarities whose positive, on the diagonal, is more similar."""
    more = tf.linalg.diag_part(similarities)[:, None] > similarities
    count = tf.cast(tf.shape(similarities)[0], tf.float32)
    return tf.reduce_sum(tf.cast(more, tf.float32)) / (count * (count - 1.0))


def _mined(distances: tf.Tensor, margin: float) -> tf.Tensor:
    positive = tf.linalg.diag_part(distances)[:, None]
    is_negative = ~tf.eye(tf.shape(distances)[0], dtype=tf.bool)
    is_farther = is_negative & (distances > positive)
    nearest_farther = tf.reduce_min(tf.where(is_farther, distances, distances.dtype.max), axis=1)
    farthest = tf.reduce_max(tf.where(is_negative, distances, distances.dtype.min), axis=1)
    negative = tf.where(tf.reduce_any(is_farther, axis=1), nearest_farther, farthest)
    return tf.reduce_mean(tf.nn.relu(positive[:, 0] - negative + margin))
