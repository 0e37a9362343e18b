"""The forms in which published copies of AudioSet lie on disk, and telling which one is there.

The modules here hold them, as ``LAYOUTS``. One is told from a sample of what lies in the folder. What does
not follow it is counted, never guessed.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence

from components.audio_ingest.layouts.base import ContainerLayout, FileLayout, Layout, LayoutError
from components.audio_ingest.layouts.files import layout_of
from components.audio_ingest.layouts.parquet import Parquet
from components.audio_ingest.layouts.tar import TAR_EXTENSIONS, Tar, WebDataset
from components.common.audio.decode import AUDIO_EXTENSIONS
from components.common.audio.places import FoundFile, first_files, printable
from components.common.registry.modules import KindModules
from schemas.ingest_reports import CorpusLayout

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for module in KindModules(__name__, __path__).values()
    for layout in getattr(module, "LAYOUTS", ())
}
AUTO = "auto"

# Of the names in a sample at least this share must follow one layout.
LEAST_SHARE = 0.95

_SAMPLE, _OF_ONE_FOLDER, _CONTAINERS, _EXAMPLES = 2_000, 200, 3, 3


def find_layout(folder: str, wanted: str = AUTO) -> CorpusLayout:
    """Tells the layout of a folder of clips from a sample of it.

    Args:
      folder: Path or URL.
      wanted: Name of a layout that is taken without being told, or ``auto``.

    Raises:
      PlaceError: If the folder cannot be listed.
      LayoutError: If nothing there, or too little of it, follows one layout; it says what was seen.
    """
    if wanted != AUTO:
        return _finding(LAYOUTS[wanted], "configured", 0, 0, [])
    files = first_files(folder, _SAMPLE, _OF_ONE_FOLDER)
    kinds = _by_kind(files)
    if not kinds:
        raise LayoutError(
            f"{_of(files)} in {folder}, and none that can be a clip or hold clips; {_accepted()}"
        )
    if len(kinds) > 1:
        seen = "; ".join(f"{len(found)} {kind} ({_some(found)})" for kind, found in kinds.items())
        raise LayoutError(f"{folder} is a mixture of {seen}; {_accepted()}")
    kind, found = next(iter(kinds.items()))
    if kind == _SOUNDS:
        return _of_names(folder, found)
    return _of_containers(folder, found, [Parquet()] if kind == _PARQUETS else [WebDataset(), Tar()])


_SOUNDS, _TARS, _PARQUETS = "sound files", "tar shards", "parquet shards"


def container_layout(path: str) -> ContainerLayout:
    """The layout that reads a shard of which is known what it holds."""
    return Parquet() if os.path.splitext(path)[1].lower() in Parquet.extensions else Tar()


def _by_kind(files: Sequence[FoundFile]) -> dict[str, list[FoundFile]]:
    kinds = {_SOUNDS: AUDIO_EXTENSIONS, _TARS: TAR_EXTENSIONS, _PARQUETS: Parquet.extensions}
    found: dict[str, list[FoundFile]] = defaultdict(list)
    for file in files:
        for kind, extensions in kinds.items():
            if file.name.lower().endswith(tuple(extensions)):
                found[kind].append(file)
    return found


def _of_names(folder: str, files: Sequence[FoundFile]) -> CorpusLayout:
    votes: dict[FileLayout | None, list[FoundFile]] = defaultdict(list)
    for file in files:
        votes[layout_of(os.path.splitext(file.name)[0])].append(file)
    ranked = sorted(votes, key=lambda layout: (layout is not None, len(votes[layout])), reverse=True)
    best = ranked[0]
    if best is None or len(votes[best]) < LEAST_SHARE * len(files):
        seen = "; ".join(
            f"{len(votes[layout])} as {layout.name} ({_some(votes[layout])})"
            if layout
            else f"{len(votes[layout])} in no known form ({_some(votes[layout])})"
            for layout in ranked
        )
        raise LayoutError(
            f"the names of {len(files)} sound files in {folder} follow no one layout: {seen}; {_accepted()}"
        )
    return _finding(best, "detected", len(files), len(votes[best]), votes[best])


def _of_containers(
    folder: str, files: Sequence[FoundFile], layouts: Sequence[ContainerLayout]
) -> CorpusLayout:
    looked_at = files[:_CONTAINERS]
    votes: dict[ContainerLayout, list[str]] = defaultdict(list)
    faults = []
    for file in looked_at:
        try:
            examples = ((layout, layout.check(file.path)) for layout in layouts)
            layout, example = next((one for one in examples if one[1]), (None, ""))
        except LayoutError as error:
            faults.append(str(error))
            continue
        if layout is None:
            faults.append(f"{file.path} holds no sound under a known name")
        else:
            votes[layout].append(printable(f"{file.name}: {example}"))
    if len(votes) != 1:
        seen = "; ".join(f"{layout.name} ({some[0]})" for layout, some in votes.items())
        raise LayoutError(
            f"{len(looked_at)} of the shards in {folder} follow no one layout: "
            f"{'; '.join(filter(None, [seen, *faults]))}; {_accepted()}"
        )
    layout, some = next(iter(votes.items()))
    return _finding(layout, "detected", len(looked_at), len(some), [], some)


def _finding(
    layout: Layout,
    chosen: str,
    looked_at: int,
    fitting: int,
    files: Sequence[FoundFile],
    examples: Sequence[str] = (),
) -> CorpusLayout:
    return CorpusLayout(
        name=layout.name,
        form=layout.form,
        chosen=chosen,
        looked_at=looked_at,
        fitting=fitting,
        examples=list(examples) or [_short(file) for file in files[:_EXAMPLES]],
    )


def _accepted() -> str:
    forms = "; ".join(f"{layout.name}: {layout.form}" for layout in LAYOUTS.values())
    return f"accepted: {forms}. The setting 'layout' takes one of them without asking"


def _some(files: Sequence[FoundFile]) -> str:
    return ", ".join(_short(file) for file in files[:_EXAMPLES])


def _short(file: FoundFile) -> str:
    return printable(f"{os.path.basename(file.folder.rstrip('/'))}/{file.name}")


def _of(files: Sequence[FoundFile]) -> str:
    return f"there are {len(files)} files ({_some(files)})" if files else "there is no file"
