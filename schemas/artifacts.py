"""Artifact types of the pipeline.

Kubeflow imports them by ``TYPE_NAME``, so each name is ``schemas.<Class>``, and none declares
properties: its compiler refuses those. What an artifact holds is said by the report or record
type named in its docstring.
"""

from __future__ import annotations

from tfx.types.artifact import Artifact


class SoundCorpus(Artifact):
    """A folder of sound in AudioSet's and NOSS's own form, made by ``CorpusSynthesizer``."""

    TYPE_NAME = "schemas.SoundCorpus"


class IngestReport(Artifact):
    """``ingest_report.json`` (:class:`schemas.ingest_reports.IngestReport`) and ``quarantine.jsonl``."""

    TYPE_NAME = "schemas.IngestReport"


class TeacherModel(Artifact):
    """A teacher trained by ``TeacherTrainer``: ``teacher.json`` and ``teacher.weights.h5``."""

    TYPE_NAME = "schemas.TeacherModel"


class DistillationSet(Artifact):
    """Distillation windows in ``Split-*/`` and ``distillation_set.json``."""

    TYPE_NAME = "schemas.DistillationSet"


class SearchDecision(Artifact):
    """``search.json`` (:class:`schemas.search_reports.SearchReport`)."""

    TYPE_NAME = "schemas.SearchDecision"


class StudentModel(Artifact):
    """A trained student: ``student.json`` and ``student.weights.npz``."""

    TYPE_NAME = "schemas.StudentModel"


class TfliteVariants(Artifact):
    """``variants.json``, and for each variant its ``.tflite`` and golden vectors."""

    TYPE_NAME = "schemas.TfliteVariants"


class NossReport(Artifact):
    """``noss_report.json``, the predictions behind it, and the TFMA evaluation."""

    TYPE_NAME = "schemas.NossReport"


class LatencyReport(Artifact):
    """``latency_report.json``: every variant measured in one session."""

    TYPE_NAME = "schemas.LatencyReport"


class FrontierVerdict(Artifact):
    """``verdict.json``, ``frontier.png`` and the page ``index.html``."""

    TYPE_NAME = "schemas.FrontierVerdict"


class PushedFrontier(Artifact):
    """``pushed.json``: where each blessed variant went."""

    TYPE_NAME = "schemas.PushedFrontier"


class NossComparison(Artifact):
    """``comparison.json``, the table in Markdown, HTML and CSV, and the heat map."""

    TYPE_NAME = "schemas.NossComparison"


class CandidateBundle(Artifact):
    """``bundle.json``, and a folder for each output of some candidates; made by Kubeflow runs only."""

    TYPE_NAME = "schemas.CandidateBundle"
