"""What can be known before anything is trained: asked by ``validate`` and at the start of ``run``.

``ResolvedRun.check`` looks whether files are there; here they are opened: tables are read, clips of tasks are
decoded, the teacher is asked about a window, and goals are matched with tasks and devices.
"""

from __future__ import annotations

from collections.abc import Callable

from components.audio_ingest.name_match import match_names
from components.audio_ingest.settings import FOLDER
from pipeline.configuration.resolved import ResolvedRun
from pipeline.preflight import corpus, cost, licences, recordings, search, tasks, teacher

Say = Callable[[str], None]


def examine(run: ResolvedRun, say: Say) -> None:
    """Refuses what would fail later.

    Args:
      run: Checked: its files are there.
      say: Takes the lines that tell what was found, one after the other.

    Raises:
      ConfigError: With the setting's key, its value and what is accepted.
    """
    config = run.config
    tables: tuple[corpus.Table, ...] = ()
    if not run.synthetic:
        if config.corpus.layout == FOLDER:
            tables, listed = recordings.read_recordings(config.corpus)
            lines = recordings.in_words(listed)
        else:
            tables = corpus.read_tables(config.corpus)
            with run.refusing():
                lines = iter([f"corpus: {match_names(config.corpus, key='corpus')}"])
        for line in (*(table.in_words() for table in tables), *lines):
            say(line)
        found = tasks.read_tasks(run.tasks, config.noss)
        for line in tasks.in_words(found):
            say(line)
        tasks.check_goals(config.gate, found)
    for line in tasks.demands(config):
        say(line)
    for line in licences.in_words(config, synthetic=run.synthetic):
        say(line)
    asked = teacher.ask_teachers(run.teachers, config.distillation)
    for one in asked:
        say(one.in_words())
    for line in search.plan(config):
        say(line)
    for line in cost.estimate(config, run.layout, tables, asked):
        say(line)
