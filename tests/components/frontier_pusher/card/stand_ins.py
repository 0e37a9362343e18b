"""What the card's Kotlin takes of LiteRT and Android, as far as it goes: no Android runs here.

After litert/kotlin of LiteRT's repository and Android's reference. A program says in ``StandIn.answer`` what
the model does.
"""

from __future__ import annotations

SOURCES = {
    "Context.kt": """
package android.content
class Context { val assets = android.content.res.AssetManager() }
""",
    "AssetManager.kt": """
package android.content.res
class AssetManager
""",
    "Manifest.kt": """
package android
class Manifest { object permission { const val RECORD_AUDIO = "android.permission.RECORD_AUDIO" } }
""",
    "RequiresPermission.kt": """
package androidx.annotation
annotation class RequiresPermission(val value: String)
""",
    "Media.kt": """
package android.media
object AudioFormat { const val CHANNEL_IN_MONO = 16; const val ENCODING_PCM_FLOAT = 4 }
class MediaRecorder { object AudioSource { const val VOICE_RECOGNITION = 6 } }
class AudioRecord(val source: Int, val rate: Int, val channels: Int, val format: Int, val bytes: Int) {
    private var heard = 0
    var recordingState = RECORDSTATE_STOPPED
        private set
    fun startRecording() { recordingState = RECORDSTATE_RECORDING }
    /** A ramp of 40,000 samples, 999 at once. */
    fun read(into: FloatArray, offset: Int, size: Int, mode: Int): Int {
        require(mode == READ_BLOCKING && recordingState == RECORDSTATE_RECORDING)
        val count = minOf(size, 999, 40_000 - heard)
        for (i in 0 until count) into[offset + i] = heard++.toFloat()
        return count
    }
    companion object {
        const val READ_BLOCKING = 0
        const val RECORDSTATE_STOPPED = 1
        const val RECORDSTATE_RECORDING = 3
    }
}
""",
    "LiteRt.kt": """
package com.google.ai.edge.litert
enum class Accelerator { CPU }
class TensorBuffer : AutoCloseable {
    private var floats = FloatArray(0)
    private var codes = ByteArray(0)
    fun writeFloat(data: FloatArray) { floats = data.copyOf() }
    fun readFloat(): FloatArray = floats.copyOf()
    fun writeInt8(data: ByteArray) { codes = data.copyOf() }
    fun readInt8(): ByteArray = codes.copyOf()
    override fun close() { StandIn.closed++ }
}
class CompiledModel private constructor() : AutoCloseable {
    class Options(vararg val accelerators: Accelerator)
    fun createInputBuffers(): List<TensorBuffer> = List(StandIn.buffers) { TensorBuffer() }
    fun createOutputBuffers(): List<TensorBuffer> = List(StandIn.buffers) { TensorBuffer() }
    fun run(inputs: List<TensorBuffer>, outputs: List<TensorBuffer>) = StandIn.answer(inputs, outputs)
    override fun close() { StandIn.closed++ }
    companion object {
        fun create(assets: android.content.res.AssetManager, name: String, options: Options): CompiledModel {
            require(assets.hashCode() != 0 && name == "model.tflite" && options.accelerators.size == 1)
            return CompiledModel()
        }
    }
}
/** What the model is: as many inputs as outputs, and what it answers. */
object StandIn {
    var buffers = 1
    var closed = 0
    var answer: (List<TensorBuffer>, List<TensorBuffer>) -> Unit = { _, _ -> }
}
""",
}
