"""Which rows of the corpus are to be decoded, and which cannot be."""

from __future__ import annotations

from dataclasses import dataclass, field

from components.audio.errors import Reason
from components.audio.requests import ClipRequest, quarantined, stable_order
from components.audio_ingest.clip_index import ClipIndex
from components.audio_ingest.segments import Segment, read_segments
from components.audio_ingest.settings import AudioIngestSettings
from components.audio_ingest.sources import CorpusSources, wanted_labels
from schemas.reports import QuarantinedClip


@dataclass(frozen=True)
class CorpusRequest(ClipRequest):
    """A clip of the corpus with its mids."""

    labels: tuple[str, ...]


@dataclass
class SplitPlan:
    """The rows of one split.

    Attributes:
      rows: Rows that passed the label filter and the limit.
      filtered: Rows that the label filter left out.
      requests: Clips to decode.
      left_out: Rows without a file, or whose file another row has already.
    """

    rows: int = 0
    filtered: int = 0
    requests: list[CorpusRequest] = field(default_factory=list)
    left_out: list[QuarantinedClip] = field(default_factory=list)


def plan_ingestion(settings: AudioIngestSettings, sources: CorpusSources) -> dict[str, SplitPlan]:
    """Reads the segments, filters them and finds their files.

    Of two rows that mean the same clip the first counts, so no clip is in both splits.

    Raises:
      SegmentsError: If a segments CSV is malformed.
      IngestError: If the ontology does not fit the labels.
    """
    labels = wanted_labels(settings, sources.ontology)
    index = ClipIndex(sources.audio)
    taken: dict[str, str] = {}
    plans = {}
    for split, path in sources.segments.items():
        segments = read_segments(path)
        kept = [segment for segment in segments if labels is None or labels.intersection(segment.labels)]
        plan = SplitPlan(filtered=len(segments) - len(kept))
        kept = _limited(kept, settings.limit)
        plan.rows = len(kept)
        for segment in kept:
            _place(segment, split, plan, index, sources, taken)
        plans[split] = plan
    return plans


def _limited(segments: list[Segment], limit: int) -> list[Segment]:
    if not limit or len(segments) <= limit:
        return segments
    ranked = sorted(range(len(segments)), key=lambda row: (stable_order(segments[row].clip_id), row))
    return [segments[row] for row in sorted(ranked[:limit])]


def _place(
    segment: Segment,
    split: str,
    plan: SplitPlan,
    index: ClipIndex,
    sources: CorpusSources,
    taken: dict[str, str],
) -> None:
    path = index.find(segment)
    for key in (segment.clip_id, path):
        if key is not None and key in taken:
            detail = f"the same clip as {taken[key]}"
            plan.left_out.append(quarantined(segment.clip_id, segment.source, Reason.DUPLICATE, detail))
            return
    taken[segment.clip_id] = segment.source
    if path is None:
        detail = f"no file for it in {sources.audio.name}"
        plan.left_out.append(quarantined(segment.clip_id, segment.source, Reason.MISSING, detail))
        return
    taken[path] = segment.source
    plan.requests.append(
        CorpusRequest(split, segment.clip_id, path, segment.source, segment.duration_s, segment.labels)
    )
