"""Names that a run, a logged model and a registered version are found by again: tags and models."""

from __future__ import annotations

# Beside a SQLite store: the artifacts of its runs.
ARTIFACTS_FOLDER = "mlartifacts"

# Of runs, logged models and versions.
RUN_KEY_TAG = "tinytrill.run_key"
RUN_NAME_TAG = "tinytrill.run_name"
CANDIDATE_TAG = "tinytrill.candidate"

# Of runs.
# Before each fact of the code and configuration, as in tinytrill.code_version.
PROVENANCE_PREFIX = "tinytrill."
ROLE_TAG = "tinytrill.role"
PIPELINE_ROLE = "pipeline"
CANDIDATE_ROLE = "candidate"
LEDGER_ROLE = "promotions"
HEAD_ROLE = "head"
GATE_TAG = "tinytrill.gate"
VERDICT_DIGEST_TAG = "tinytrill.verdict_digest"
# sha256 of verdict.json, as stored with the pipeline's run.
VERDICT_SHA256_TAG = "tinytrill.verdict_sha256"

# Of logged models and versions.
SHA256_TAG = "tinytrill.sha256"
POINT_TAG = "tinytrill.point"
PARENT_RUN_TAG = "tinytrill.pipeline_run_id"
DEVICE_TAG = "tinytrill.device"
# JSON, file name to sha256: every file of the version's folder.
FILES_TAG = "tinytrill.files"
# The same of what MLflow wrote around them: MLmodel, requirements and the like decide what is loaded.
MLFLOW_FILES_TAG = "tinytrill.mlflow_files"
# JSON, path to sha256: the files of the pipeline's run that a promotion goes by.
EVIDENCE_TAG = "tinytrill.evidence"
# Before a slug; JSON of what serves the version, who said so and when.
SERVED_TAG = "tinytrill.served."

# Of versions that are heads: the student's registered version, as in tinytrill-host/3, and its file's sha256.
HEAD_ON_TAG = "tinytrill.head_on"
HEAD_STUDENT_TAG = "tinytrill.head_student_sha256"

# Of registered models: the run that holds the ledger of promotions.
LEDGER_TAG = "tinytrill.ledger_run_id"

# Of a pipeline's run: the folder among its artifacts that holds the verdict's files.
VERDICT_FOLDER = "verdict"

CANDIDATE_ALIAS = "candidate"
CHAMPION_ALIAS = "champion"
PREVIOUS_ALIAS = "previous"


def model_name(registered_model: str, device: str) -> str:
    """Name of the registered model of a device: there is one for each device profile."""
    return f"{registered_model}-{device}"
