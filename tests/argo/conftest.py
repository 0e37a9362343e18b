"""Argo's own code, built once, and pipelines as it sees them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from pipeline.configuration.config_file import load_config
from pipeline.kubeflow.compile import CompiledPipeline, compile_specification
from tests.argo.engine import Engine, build
from tests.argo.workflow import workflow


@pytest.fixture(scope="session")
def engine() -> Engine:
    return build()


@pytest.fixture(scope="session")
def compiled() -> Callable[..., CompiledPipeline]:
    """Compiles a configuration: its name or file, and what is set."""

    @cache
    def one(name: str, *settings: str) -> CompiledPipeline:
        return compile_specification(load_config(name, settings))

    return one


@pytest.fixture(scope="session")
def argo_workflow(compiled: Callable[..., CompiledPipeline]) -> Callable[..., dict[str, Any]]:
    """The workflow of a configuration."""

    def one(name: str, *settings: str) -> dict[str, Any]:
        made = compiled(name, *settings)
        return workflow(made.specification, made.platform)

    return one
