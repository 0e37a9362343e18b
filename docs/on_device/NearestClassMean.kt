// A head that learns on the device: the nearest class mean of embeddings, from a few clips and without training.
// Each embedding is divided by its length; a class is the mean of its own (Mensink et al., IEEE TPAMI 35(11),
// 2013; prototypes of arXiv 1703.05175). The score of a class is the cosine to its mean.

import kotlin.math.sqrt

class NearestClassMean {
    private val sums = sortedMapOf<String, DoubleArray>()

    /** Adds a clip of a class, by the mean embedding of its windows; refuses a null one or another length. */
    fun learn(label: String, embedding: FloatArray) {
        val direction = directionOf(embedding.toDoubles())
        val known = sums.values.firstOrNull() ?: direction
        require(known.size == direction.size) { "${direction.size} dimensions; accepted: ${known.size}, as before" }
        val sum = sums.getOrPut(label) { DoubleArray(direction.size) }
        for (i in sum.indices) sum[i] += direction[i]
    }

    /** The cosine of an embedding to the mean of each class. */
    fun scores(embedding: FloatArray): Map<String, Double> {
        val direction = directionOf(embedding.toDoubles())
        return sums.mapValues { (_, sum) ->
            require(sum.size == direction.size) { "${direction.size} dimensions; accepted: ${sum.size}, as before" }
            val mean = directionOf(sum)
            mean.indices.sumOf { mean[it] * direction[it] }
        }
    }

    /** The class of the greatest score; null if no score is at least [least]. */
    fun nearest(embedding: FloatArray, least: Double = -1.0): String? =
        scores(embedding).filterValues { it >= least }.maxByOrNull { it.value }?.key

    private fun FloatArray.toDoubles() = DoubleArray(size) { this[it].toDouble() }

    private fun directionOf(values: DoubleArray): DoubleArray {
        val length = sqrt(values.sumOf { it * it })
        require(length > 0 && length.isFinite()) { "an embedding of length $length; accepted: finite, not null" }
        return DoubleArray(values.size) { values[it] / length }
    }
}
