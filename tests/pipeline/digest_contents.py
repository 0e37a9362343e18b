"""Which files a component's digest may hold: a change of any of them runs the component again.

A component's own folder always counts. Whatever else is imported must stand here, so that nobody makes
AudioSet be ingested again by an import that looks harmless: think before you add a line.
"""

from __future__ import annotations

# Of every component: how it states its contract, and how its executor is given its task.
_TFX = "contract executors input_keys"

MAY_HOLD: dict[str, dict[str, str]] = {
    "audio_ingest": {
        "components/common/audio": (
            "clip_statistics decode decode_job decode_worker decoder_process downmix errors fingerprint"
            " gcs_store guarded ingest_run intake_report kept_shards places pointers progress readers "
            "record_sum requests resample s3_store settings shard_writer sounds streams"
        ),
        "components/common/registry": "modules",
        "components/common/reporting": "templates",
        "components/common/store": "computed publishing shards tfrecord",
        "components/common/tfx": f"{_TFX} evidence",
        "schemas": ("artifacts corpus_statistics ingest_reports plain_text records settings"),
    },
    "corpus_synthesizer": {
        "components/common/audio": "resample",
        "components/common/tfx": _TFX,
        "schemas": "artifacts bounded noss_tasks secrets settings strict_yaml",
    },
    "frontier_gate": {
        "components/common/frontier": (
            "answer axes champions conditions dominance draws figures goal_references goals incumbents judge "
            "misses scales session_pairs settings simultaneous"
        ),
        "components/common/reporting": "templates",
        "components/common/statistics": "bootstrap sessions",
        "components/common/tfx": _TFX,
        "components/common/tracking": "faults names registered relocation sqlite_stores stores",
        "schemas": (
            "architecture artifacts bounded comparison_reports devices faults known_architectures "
            "footprint_faults footprints latency_faults latency_reports latency_validity noss_faults "
            "noss_reports noss_task_sets noss_tasks plain_text search_reports secrets settings "
            "standing_faults strict_yaml student_reports students tensors tflite_faults tflite_reports "
            "training_reports verdicts"
        ),
    },
    "frontier_pusher": {
        "components/common/frontier": "answer closed misses",
        "components/common/package": "folders",
        "components/common/package/serving": "embedder package streaming",
        "components/common/reporting": "markdown templates",
        "components/common/store": "publishing",
        "components/common/tfx": f"{_TFX} evidence",
        "components/common/tracking": (
            "curves delivery faults ledger links names outbox registration relocation runs seal sending "
            "sqlite_stores stores tracker"
        ),
        "schemas": (
            "architecture artifacts bounded distillation_reports footprints ingest_reports "
            "known_architectures latency_reports noss_reports noss_tasks plain_text push_reports run_context "
            "run_records search_reports secrets settings strict_yaml student_reports students tensors "
            "tflite_reports "
            "training_reports verdicts"
        ),
    },
    "frontier_search": {
        "components/common/tfx": _TFX,
        "schemas": (
            "architecture artifacts devices footprints known_architectures latency_reports search_reports "
            "settings student_reports students tensors training_reports"
        ),
    },
    "latency_benchmark": {
        "components/common/modeling": "file_arithmetic flatbuffer",
        "components/common/registry": "modules",
        "components/common/statistics": "bootstrap sessions",
        "components/common/store": "computed publishing",
        "components/common/tfx": _TFX,
        "schemas": (
            "architecture artifacts devices footprints known_architectures latency_reports latency_validity "
            "settings students tensors tflite_reports"
        ),
    },
    "noss_comparison": {
        "components/common/reporting": "markdown templates",
        "components/common/statistics": "bootstrap",
        "components/common/tfx": _TFX,
        "schemas": (
            "artifacts bounded comparison_reports noss_reports noss_task_sets noss_tasks plain_text "
            "secrets settings strict_yaml"
        ),
    },
    "noss_evaluator": {
        "components/common/audio": "errors framing gcs_store places requests resample s3_store",
        "components/common/modeling": "frontend layers litert resnet stream_model",
        "components/common/modeling/teachers": (
            "base concatenation hub huggingface onnx savedmodel tfhub tflite trained wav2vec2"
        ),
        "components/common/registry": "modules",
        "components/common/statistics": "bootstrap",
        "components/common/store": "computed publishing shards tfrecord",
        "components/common/tfx": f"{_TFX} evidence",
        "schemas": (
            "architecture artifacts bounded ingest_reports known_architectures noss_reports "
            "noss_task_sets noss_tasks plain_text records resnet secrets settings strict_yaml students "
            "teacher_sources teachers tensors tflite_reports trained_teacher training_reports"
        ),
    },
    "noss_ingest": {
        "components/common/audio": (
            "clip_statistics decode decode_job decode_worker decoder_process downmix errors fingerprint"
            " gcs_store guarded ingest_run intake_report kept_shards places pointers progress readers "
            "record_sum requests resample s3_store settings shard_writer sounds streams"
        ),
        "components/common/registry": "modules",
        "components/common/store": "computed publishing shards tfrecord",
        "components/common/tfx": f"{_TFX} evidence",
        "schemas": (
            "artifacts bounded corpus_statistics ingest_reports noss_task_sets noss_tasks records "
            "secrets settings strict_yaml"
        ),
    },
    "record_validator": {
        "components/common/tfx": f"{_TFX} evidence",
        "schemas": "artifacts",
    },
    "student_trainer": {
        "components/common/audio": "ahead framing",
        "components/common/modeling": (
            "arithmetic bottleneck checkpoint frontend layers pruning quantisation resnet student "
            "student_network transformer whole_network"
        ),
        "components/common/modeling/architectures": "*",
        "components/common/registry": "modules",
        "components/common/store": "arrays computed publishing shards tfrecord",
        "components/common/tfx": _TFX,
        "schemas": (
            "architecture artifacts distillation_reports known_architectures records resnet search_reports "
            "settings student_reports students training_events training_reports"
        ),
    },
    "teacher_embedder": {
        "components/common/audio": "acoustic_fingerprint ahead framing kept_shards record_sum",
        "components/common/modeling": "frontend layers litert resnet",
        "components/common/modeling/teachers": (
            "base concatenation hub huggingface onnx savedmodel tfhub tflite trained wav2vec2"
        ),
        "components/common/registry": "modules",
        "components/common/store": "computed publishing shards tfrecord",
        "components/common/tfx": _TFX,
        "schemas": (
            "architecture artifacts distillation_reports ingest_reports known_architectures records "
            "resnet settings students teacher_sources teachers tensors trained_teacher training_reports"
        ),
    },
    "teacher_trainer": {
        "components/common/audio": "framing",
        "components/common/modeling": "checkpoint frontend layers resnet",
        "components/common/modeling/teachers": "base trained",
        "components/common/store": "arrays computed publishing shards tfrecord",
        "components/common/tfx": _TFX,
        "schemas": (
            "architecture artifacts known_architectures records resnet settings students "
            "teacher_sources teachers trained_teacher training_reports"
        ),
    },
    "tflite_converter": {
        "components/common/audio": "framing",
        "components/common/modeling": (
            "bottleneck flatbuffer frontend layers litert quantisation resnet stream_model student "
            "student_network transformer whole_network"
        ),
        "components/common/modeling/architectures": "*",
        "components/common/registry": "modules",
        "components/common/store": "arrays publishing shards tfrecord",
        "components/common/tfx": _TFX,
        "schemas": (
            "architecture artifacts known_architectures records resnet settings student_reports "
            "students tensors tflite_reports training_reports"
        ),
    },
}
