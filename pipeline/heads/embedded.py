"""A frozen student's embeddings of all windows, and the windows as the clips of a task of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from components.common.modeling.litert import LiteRtModel
from components.noss_evaluator.clips import Entry
from components.noss_evaluator.features import ClipFeatures
from components.noss_evaluator.intervals import MIN_SPEAKERS, speakers_known
from components.noss_evaluator.probes.scaling import Matrix
from components.noss_evaluator.settings import NossEvaluatorSettings
from components.noss_evaluator.tasks import NossTask, gather_tasks
from pipeline.configuration.config_file import ConfigError
from pipeline.heads.clips import LabelledClips
from pipeline.heads.students import FrozenStudent
from schemas.noss_task_sets import NossTaskSet


@dataclass(frozen=True)
class Embedded:
    """Clips as a student embeds them.

    Attributes:
      waveforms: float32 ``(windows, samples)`` of all distinct sounds, one after the other.
      windows: Embeddings, float32 ``(windows, dim)``.
      first: First window of each sound, ``(sounds + 1,)``.
      task: The clips; their ``sound`` counts distinct sounds.
    """

    waveforms: Matrix
    windows: Matrix
    first: tuple[int, ...]
    task: NossTask

    def windows_of(self, clip: Entry) -> range:
        """Rows of a clip's windows."""
        return range(self.first[clip.sound], self.first[clip.sound + 1])

    @cached_property
    def by_window(self) -> NossTask:
        """The same task with each window as a clip; its interval is over speakers, or else over clips."""
        tested = (
            self.task.clips if self.task.ingested.record.split.rule == "folds" else self.task.splits["test"]
        )
        by_speaker = speakers_known(tested) >= MIN_SPEAKERS
        entries = [
            replace(
                clip,
                clip_id=f"{clip.clip_id}#{number:04d}",
                sound=row,
                speaker_id=(by_speaker and clip.speaker_id) or clip.clip_id,
            )
            for clip in self.task.clips
            for number, row in enumerate(self.windows_of(clip))
        ]
        return replace(self.task, clips=tuple(entries))


def embed_clips(labelled: LabelledClips, student: FrozenStudent, settings: NossEvaluatorSettings) -> Embedded:
    """Cuts the clips into windows and embeds each with the very file of the student.

    Raises:
      ConfigError: If an embedding is not finite, or the clips do not make a task.
    """
    about = student.about
    features = ClipFeatures(
        lambda: labelled.clips, about.front_end, about.hop_samples, settings.batch_windows
    )
    network = LiteRtModel(student.content)
    waveforms, vectors, first = [], [], [0]
    for batch in features.batches("waveform"):
        embeddings = network.run_each(batch.inputs).astype(np.float32)
        rows = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
        for sound in batch.sounds:
            first.append(first[-1] + sound.windows)
        if len(rows):
            raise ConfigError(
                f"MODEL: {student.named}: {len(rows)} embeddings of clips from {batch.sounds[0].clip_id} on "
                "are not finite; accepted: a student whose embedding of every clip is"
            )
        waveforms.append(batch.inputs)
        vectors.append(embeddings)
    try:
        (task,) = gather_tasks(features.entries, NossTaskSet(tasks=[labelled.task]), settings)
    except ValueError as error:
        raise ConfigError(f"--task: {error}") from error
    return Embedded(np.concatenate(waveforms), np.concatenate(vectors), tuple(first), task)
