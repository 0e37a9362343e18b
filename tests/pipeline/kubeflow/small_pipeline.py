"""A small pipeline, compiled by the KFP SDK: containers, parameters of every type, a secret.

The SDK reads annotations as they are: no ``from __future__ import annotations`` here.
"""

from pathlib import Path

from kfp import compiler, dsl, kubernetes


@dsl.container_component
def prepare(root: str, count: int) -> dsl.ContainerSpec:
    return dsl.ContainerSpec(image="busybox", command=["echo"], args=[root, count])


@dsl.container_component
def train(rate: float) -> dsl.ContainerSpec:
    return dsl.ContainerSpec(image="busybox", command=["echo"], args=[rate])


@dsl.container_component
def judge(quick: bool, names: list, limits: dict) -> dsl.ContainerSpec:
    return dsl.ContainerSpec(image="busybox", command=["echo"], args=[quick, names, limits])


@dsl.pipeline(name="small")
def small(
    count: int,
    rate: float = 0.5,
    quick: bool = True,
    data_root: str = "/data",
    names: list = ["a"],  # noqa: B006
    limits: dict = {"a": 1},  # noqa: B006
) -> None:
    first = prepare(root=data_root, count=count)
    kubernetes.use_secret_as_env(first, "tinytrill-mlflow", {"password": "PASSWORD"})
    one, two = train(rate=rate).after(first), train(rate=rate).after(first)
    judge(quick=quick, names=names, limits=limits).after(one, two)


def compile_small(folder: Path) -> Path:
    """Writes the pipeline; returns its file."""
    path = folder / "small.yaml"
    compiler.Compiler().compile(small, str(path))
    return path
