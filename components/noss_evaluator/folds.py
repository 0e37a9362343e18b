"""Which clips train, choose and test: the parts of a task, one for each split seed and fold.

Three ways, by what the task has:

- folds of its own (``record.split.rule`` 'folds'): each is test once, another one validation;
- known speakers, but too few of them in test: folds of speakers over all clips, others for each split seed;
- else test as it is given; for further split seeds train and validation are drawn anew from both together.

What belongs together stays on one side: the clips of a speaker, and clips of the same sound.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from components.noss_evaluator.clips import Entry
from components.noss_evaluator.intervals import speakers_known, task_generator
from components.noss_evaluator.settings import StrictProtocol
from components.noss_evaluator.tasks import NossTask, class_indices

_TRIES = 20
_LOG = logging.getLogger("tinytrill.noss_evaluator")

Indices = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True)
class Part:
    """What one probe sees.

    Attributes:
      seed: The split seed; 0: the splits as they are given.
      fold: Which fold is test; empty: the given test split.
      train: To be fitted on.
      validation: To choose by.
      test: To be asked about once.
    """

    seed: int
    fold: str
    train: tuple[Entry, ...]
    validation: tuple[Entry, ...]
    test: tuple[Entry, ...]


def parts_of(task: NossTask, strict: StrictProtocol, seed: int) -> list[Part]:
    """All distinct parts of a task by split seed; for each seed a clip is tested once at most.

    Raises:
      ValueError: If a part's train has a single class, or its validation no clip.
    """
    if task.ingested.record.split.rule == "folds":
        parts = [part for split_seed in range(strict.seeds) for part in _own_folds(task, split_seed)]
    elif _needs_speaker_folds(task, strict):
        parts = [
            part
            for split_seed in range(strict.seeds)
            for part in _speaker_folds(task, strict, seed, split_seed)
        ]
    else:
        parts = [_given(task, seed, split_seed) for split_seed in range(strict.seeds)]
    parts = _distinct([_without_shared_sounds(task, part) for part in parts])
    for part in parts:
        if not part.validation or len({clip.label for clip in part.train}) < 2:
            raise ValueError(
                f"task {task.name!r}, split seed {part.seed}, fold {part.fold!r}: {len(part.train)} clips of "
                f"{len({clip.label for clip in part.train})} classes in train and {len(part.validation)} in "
                "validation; a probe needs two classes and a clip to choose by"
            )
    return parts


def _distinct(parts: Sequence[Part]) -> list[Part]:
    """Without those that test and choose by the clips of an earlier one: of few speakers splits repeat."""
    seen: set[tuple[frozenset[str], ...]] = set()
    kept = []
    for part in parts:
        key = tuple(frozenset(clip.clip_id for clip in clips) for clips in (part.validation, part.test))
        if key not in seen:
            seen.add(key)
            kept.append(part)
    return kept


def official_parts(task: NossTask) -> list[Part]:
    """The splits as the source gives them: its folds in turn, or the one split it has."""
    folds = task.ingested.record.split.rule == "folds"
    return list(_own_folds(task, 0)) if folds else [_given(task, 0, 0)]


def speaker_is_asked(task: NossTask) -> bool:
    """Whether the speaker is the label: by the record, or because each is of one and the same other."""
    pairs = {(clip.speaker_id, clip.label) for clip in task.clips}
    one_to_one = len(pairs) == len({speaker for speaker, _ in pairs}) == len({label for _, label in pairs})
    return task.ingested.record.speaker == "label" or one_to_one


def _own_folds(task: NossTask, split_seed: int) -> Iterator[Part]:
    """Each of the source's folds as test; validation lies ``split_seed + 1`` further on, in a ring.

    Folds are kept whole: clips of one recording may lie in one fold and must not be told apart.
    """
    folds = sorted({clip.group for clip in task.clips}, key=lambda fold: (len(fold), fold))
    if len(folds) < 3 or not folds[0]:
        raise ValueError(
            f"task {task.name!r} is split by folds, its clips are of {folds}; each clip needs one, of three "
            "or more"
        )
    step = 1 + split_seed % (len(folds) - 1)
    for index, fold in enumerate(folds):
        held_out = folds[(index + step) % len(folds)]
        yield Part(
            split_seed,
            fold,
            train=tuple(clip for clip in task.clips if clip.group not in (fold, held_out)),
            validation=tuple(clip for clip in task.clips if clip.group == held_out),
            test=tuple(clip for clip in task.clips if clip.group == fold),
        )


def _needs_speaker_folds(task: NossTask, strict: StrictProtocol) -> bool:
    in_test = speakers_known(task.splits["test"])
    if not 0 < in_test < strict.min_test_speakers or speaker_is_asked(task):
        return False
    if speakers_known(task.clips) < 3:
        _LOG.warning("%s: too few speakers to train, choose and test by others; its splits stand", task.name)
        return False
    return True


def _speaker_folds(task: NossTask, strict: StrictProtocol, seed: int, split_seed: int) -> Iterator[Part]:
    """Folds of speakers over all clips; validation is of other speakers again."""
    generator = np.random.default_rng([_number(task, seed), split_seed])
    labels, groups = class_indices(task.classes, task.clips), _groups(task.clips, by_speaker=True)
    count = min(strict.speaker_folds, int(groups.max()) + 1)
    fold_of = groups if count == int(groups.max()) + 1 else np.full(len(groups), count - 1)
    for fold in range(count - 1 if fold_of is not groups else 0):
        left = np.flatnonzero(fold_of == count - 1)
        # Of what is left, this fold is one of count - fold equal parts.
        fold_of[left[_draw(labels[left], groups[left], 1 / (count - fold), generator)]] = fold
    splits = task.splits
    share = len(splits["validation"]) / (len(splits["train"]) + len(splits["validation"]))
    # Where speakers are hardly more than folds, the first folds may have taken all.
    for fold in np.unique(fold_of).tolist():
        rest = np.flatnonzero(fold_of != fold)
        chosen = np.zeros(len(groups), np.bool_)
        chosen[rest[_draw(labels[rest], groups[rest], share, generator)]] = True
        yield Part(
            split_seed,
            str(fold),
            train=_clips(task, (fold_of != fold) & ~chosen),
            validation=_clips(task, chosen),
            test=_clips(task, fold_of == fold),
        )


def _given(task: NossTask, seed: int, split_seed: int) -> Part:
    """The splits as they are given; for a seed above 0, train and validation are drawn anew from both."""
    splits = task.splits
    train, validation = splits["train"], splits["validation"]
    if split_seed:
        generator = np.random.default_rng([_number(task, seed), split_seed])
        both = tuple(sorted(train + validation, key=lambda clip: clip.clip_id))
        labels, share = class_indices(task.classes, both), len(validation) / len(both)
        groups = _groups(both, by_speaker=not speaker_is_asked(task))
        if groups.max() == 0:
            groups = _groups(both, by_speaker=False)
        drawn = set(_draw(labels, groups, share, generator).tolist())
        train = tuple(clip for index, clip in enumerate(both) if index not in drawn)
        validation = tuple(clip for index, clip in enumerate(both) if index in drawn)
    return Part(split_seed, "", train, validation, splits["test"])


def _groups(clips: Sequence[Entry], by_speaker: bool) -> Indices:
    """Index of what each clip must stay together with, ``(n,)``: its sound and, if asked, its speaker."""
    keys: dict[str | int, int] = {}
    pairs = [
        (index, keys.setdefault(key, len(clips) + len(keys)))
        for index, clip in enumerate(clips)
        for key in ((clip.sound, clip.speaker_id) if by_speaker and clip.speaker_id else (clip.sound,))
    ]
    rows, columns = np.array(pairs).T
    size = len(clips) + len(keys)
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    _, index = np.unique(component[: len(clips)], return_inverse=True)
    return index.astype(np.intp)


def _draw(labels: Indices, groups: Indices, share: float, generator: np.random.Generator) -> Indices:
    """Draws whole groups whose clips are, label by label, about a share of all: positions of the clips.

    Several times the groups are taken in a random order, each if it brings the number of clips of each
    label closer to what is wanted. Of the tries the one is kept that leaves most labels to the others, and
    of these the closest one.

    Args:
      labels: Index of each clip's label, ``(n,)``.
      groups: Index of each clip's group, ``(n,)``.
      share: Of the clips, above 0 and below 1.
      generator: Source of random numbers.
    """
    _, labels = np.unique(labels, return_inverse=True)
    _, first, groups = np.unique(groups, return_index=True, return_inverse=True)
    count = len(first)
    if len(groups) < 2 * count:
        return np.flatnonzero(np.isin(groups, _draw_single(labels[first], share, generator)))
    table = np.zeros((count, int(labels.max()) + 1))
    np.add.at(table, (groups, labels), 1)
    wanted = share * table.sum(axis=0)

    orders = np.stack([generator.permutation(count) for _ in range(_TRIES)])
    held = np.zeros((_TRIES, len(wanted)))
    taken = np.zeros((_TRIES, count), np.bool_)
    for place in range(count):
        group = orders[:, place]
        closer = np.abs(wanted - held - table[group]).sum(axis=1) < np.abs(wanted - held).sum(axis=1)
        # Someone is drawn and someone is left, however large they are.
        closer |= (place == count - 2) & ~taken.any(axis=1)
        closer &= taken.sum(axis=1) < count - 1
        held += table[group] * closer[:, None]
        taken[np.arange(_TRIES), group] = closer
    lost = (held == table.sum(axis=0)).sum(axis=1)
    best = np.lexsort((np.abs(wanted - held).sum(axis=1), lost))[0]
    return np.flatnonzero(taken[best][groups])


def _draw_single(labels: Indices, share: float, generator: np.random.Generator) -> Indices:
    """Draws a share of each label: positions, exact but for rounding; a label is never drawn empty."""
    counts = np.bincount(labels)
    quotas = np.minimum(np.floor(share * counts), counts - 1).astype(int)
    open_places = max(1, round(share * len(labels))) - quotas.sum()
    by_remainder = np.argsort(quotas - share * counts, kind="stable")
    by_remainder = by_remainder[(counts - quotas)[by_remainder] > 1]
    quotas[by_remainder[: max(0, open_places)]] += 1
    order = generator.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(order[rank < np.repeat(quotas, counts)])


def _clips(task: NossTask, chosen: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[Entry, ...]:
    return tuple(clip for clip, is_chosen in zip(task.clips, chosen, strict=True) if is_chosen)


def _number(task: NossTask, seed: int) -> int:
    """A number for the task and the seed."""
    return int(task_generator(seed, task.name).integers(2**63))


def _without_shared_sounds(task: NossTask, part: Part) -> Part:
    """Leaves out of train, and then of validation, clips whose sound the later parts hold."""
    tested = {clip.sound for clip in part.test}
    validation = tuple(clip for clip in part.validation if clip.sound not in tested)
    held_out = tested | {clip.sound for clip in validation}
    train = tuple(clip for clip in part.train if clip.sound not in held_out)
    lost = len(part.train) + len(part.validation) - len(train) - len(validation)
    if lost:
        _LOG.warning(
            "%s, split seed %d, fold %r: %d clips are left out, their sound is also tested or chosen by",
            task.name, part.seed, part.fold, lost,
        )  # fmt: skip
    return replace(part, train=train, validation=validation)
