"""Speaks the demo corpus and the demo tasks."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from components.common.tfx.executors import TaskExecutor
from components.corpus_synthesizer import espeak
from components.corpus_synthesizer.audioset import write_corpus
from components.corpus_synthesizer.component import CorpusSynthesizer
from components.corpus_synthesizer.tasks import write_tasks

CORPUS_FOLDER = "corpus"
TASKS_FOLDER = "noss"
LICENCE_FILE = "LICENCE.txt"

_LICENCE = """\
All sound in this folder is synthetic: spoken by eSpeak NG {version} from sentences that TinyTrill puts
together, with computed rooms and noise. No recording of a person is in it. Figures measured on it say
nothing about real speech.

eSpeak NG is licensed under the GNU General Public License 3 or later, which covers the program and its
data, not what it speaks. Labels and their names are AudioSet's (CC BY 4.0,
https://research.google.com/audioset).
"""

_logger = logging.getLogger("tinytrill.corpus_synthesizer")


class Executor(TaskExecutor[CorpusSynthesizer]):
    """Executor of CorpusSynthesizer."""

    def run(self, task: CorpusSynthesizer) -> None:
        """Synthesises.

        Raises:
          EspeakError: If eSpeak NG cannot be loaded or does not speak.
        """
        started = time.monotonic()
        settings, root = task.settings, Path(task.corpus.uri)
        version = espeak.version()
        write_corpus(root / CORPUS_FOLDER, settings, task.seed)
        write_tasks(root / TASKS_FOLDER, settings, task.seed)
        (root / LICENCE_FILE).write_text(_LICENCE.format(version=version), encoding="utf-8")
        _logger.info("synthesised in %.0f s", time.monotonic() - started)
