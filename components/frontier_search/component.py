"""``FrontierSearch``: short trainings in, the candidates that are worth training out."""

from __future__ import annotations

from components.common.tfx.contract import Component, InputList, Output, Parameter, field, output
from components.frontier_search.settings import DeviceBudgets, SearchSettings
from schemas.artifacts import LatencyReport, SearchDecision, StudentModel


class FrontierSearch(Component):
    """Chooses the candidates of a grid that are trained to the end.

    Attributes:
      networks: Each network's first student, trained shortly, with its screen of the others.
      settings: How much may be spent.
      latency: Of the networks' files on each device with budgets of time; empty if a device has no budget.
      budgets: Of the devices: what misses them everywhere is not trained.
      epochs: Of a full training.
      warm_epochs: Of a training that starts from a trained network.
      seed: Draws the candidate that is audited.
      code_digest: Fingerprint of the code, so that changed code is not answered from the cache.
      decision: Which candidates are trained.
    """

    networks: InputList[StudentModel] = field(key="network")
    settings: Parameter[SearchSettings]
    epochs: Parameter[int]
    warm_epochs: Parameter[int]
    seed: Parameter[int]
    latency: InputList[LatencyReport] = field(default=())
    budgets: Parameter[DeviceBudgets] = field(default=DeviceBudgets())
    code_digest: Parameter[str] = field(default="")
    decision: Output[SearchDecision] = output()
