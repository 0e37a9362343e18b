"""The labels of the corpus: a cut of AudioSet's ontology (https://research.google.com/audioset/ontology)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Label:
    """A node of the ontology.

    Attributes:
      mid: Its id.
      name: Its display name.
      children: Mids below it.
    """

    mid: str
    name: str
    children: tuple[str, ...] = ()


SPEECH = "/m/09x0r"
MALE_SPEECH = "/m/05zppz"
FEMALE_SPEECH = "/m/02zsn"
NARRATION = "/m/02qldy"
SPEECH_SYNTHESIZER = "/m/0brhx"
SINE_WAVE = "/m/01v_m0"
CHIRP_TONE = "/m/0hdsk"
WHITE_NOISE = "/m/0chx_"
PINK_NOISE = "/m/0cj0r"

LABELS = (
    Label("/m/0dgw9r", "Human sounds", ("/m/09l8g",)),
    Label("/m/09l8g", "Human voice", (SPEECH,)),
    Label(SPEECH, "Speech", (MALE_SPEECH, FEMALE_SPEECH, NARRATION, SPEECH_SYNTHESIZER)),
    Label(MALE_SPEECH, "Male speech, man speaking"),
    Label(FEMALE_SPEECH, "Female speech, woman speaking"),
    Label(NARRATION, "Narration, monologue"),
    Label(SPEECH_SYNTHESIZER, "Speech synthesizer"),
    Label(SINE_WAVE, "Sine wave"),
    Label(CHIRP_TONE, "Chirp tone"),
    Label(WHITE_NOISE, "White noise"),
    Label(PINK_NOISE, "Pink noise"),
)


def write_labels(folder: Path) -> None:
    """Writes ``class_labels_indices.csv`` and ``ontology.json`` in AudioSet's form."""
    lines = ["index,mid,display_name"]
    lines += [f'{index},{label.mid},"{label.name}"' for index, label in enumerate(LABELS)]
    (folder / "class_labels_indices.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    nodes = [
        {
            "id": label.mid,
            "name": label.name,
            "description": "",
            "citation_uri": "",
            "positive_examples": [],
            "child_ids": list(label.children),
            "restrictions": ["abstract"] if label.mid == "/m/0dgw9r" else [],
        }
        for label in LABELS
    ]
    (folder / "ontology.json").write_text(json.dumps(nodes, indent=1) + "\n", encoding="utf-8")
