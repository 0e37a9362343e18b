"""A node that does what its parameter says."""

from __future__ import annotations

from components.common.tfx.contract import Component, InputList, Output, Parameter, output
from schemas.artifacts import SoundCorpus


class Step(Component):
    """Does one of the words of its executor in a folder that all nodes share."""

    before: InputList[SoundCorpus]
    act: Parameter[str]
    name: Parameter[str]
    folder: Parameter[str]
    made: Output[SoundCorpus] = output()
