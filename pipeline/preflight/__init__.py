"""What can be known before anything is trained: asked by ``validate`` and at the start of ``run``.

``pipeline.configuration.sources`` looks whether files are there; here they are opened: tables are read,
clips of tasks are decoded, the teacher is asked about a window, and goals are matched with tasks and devices.
"""

from __future__ import annotations

from collections.abc import Callable

from pipeline.configuration.config import RunConfig
from pipeline.configuration.sources import describe_corpus
from pipeline.local.layout import RunLayout
from pipeline.preflight import corpus, cost, tasks, teacher

Say = Callable[[str], None]


def examine(config: RunConfig, layout: RunLayout, say: Say) -> None:
    """Refuses what would fail later.

    Args:
      config: Resolved; its files are there (:func:`pipeline.configuration.sources.check_sources`).
      layout: The run's folder, for the room on its disk; need not be there.
      say: Takes the lines that tell what was found, one after the other.

    Raises:
      ConfigError: With the setting's key, its value and what is accepted.
    """
    tables: tuple[corpus.Table, ...] = ()
    if config.synthetic is None:
        tables = corpus.read_tables(config.corpus)
        for table in tables:
            say(table.in_words())
        say(describe_corpus(config))
        found = tasks.read_tasks(config.noss)
        for line in tasks.in_words(found):
            say(line)
        tasks.check_goals(config.gate, found)
    for line in tasks.demands(config):
        say(line)
    asked = teacher.ask_teachers(config)
    for one in asked:
        say(one.in_words())
    for line in cost.estimate(config, layout, tables, asked):
        say(line)
