"""What the registry holds, as lists: models, versions with their figures, the ledger, where they serve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field
from rich.console import Console

from components.common.tracking import ledger
from components.common.tracking.ledger import Entry
from components.common.tracking.names import (
    CANDIDATE_ALIAS,
    CHAMPION_ALIAS,
    DEVICE_TAG,
    PARENT_RUN_TAG,
    PREVIOUS_ALIAS,
    SERVED_TAG,
    SHA256_TAG,
)
from components.common.tracking.registered import versions_of, with_figures
from pipeline.models.promotion.champion import look
from pipeline.models.registry.uses import in_words, read_use
from pipeline.models.registry.versions import find_model, find_version, models, split_name
from pipeline.terminal.rich_text import tell
from pipeline.terminal.words import print_table
from schemas.plain_text import plain
from schemas.settings import Report
from schemas.verdicts import FrontierPoint, Standing


class ListedVersion(Report):
    """A registered version."""

    registered_model: str
    version: str
    aliases: list[str]
    device: str = Field(description="Empty: it was not registered by a run of this pipeline.")
    created: int = Field(description="Milliseconds since 1970.")
    sha256: str
    candidate_run_id: str
    pipeline_run_id: str
    standing: Standing | None = Field(description="Its figures; none: they are unknown.")
    served: dict[str, str] = Field(description="Where it is served: what the tags of 'pull --for' say.")
    promotions: list[Entry] = Field(description="Entries of the ledger that made it champion.")


class ListedModel(Report):
    """A registered model."""

    name: str
    device: str = Field(description="Of its versions; empty: not known.")
    versions: int
    aliases: dict[str, str] = Field(description="Alias to version.")
    champion: ListedVersion | None
    warnings: list[str] = Field(description="Where ledger and aliases differ.")


class ShownModel(Report):
    """A registered model with all its versions and its ledger."""

    name: str
    description: str
    versions: list[ListedVersion] = Field(description="The newest first.")
    ledger: list[Entry] = Field(description="The oldest first.")
    warnings: list[str] = Field(description="Where ledger and aliases differ.")


def list_models(client: Any) -> list[ListedModel]:
    """All registered models with their champions."""
    return [_listed(client, model) for model in models(client)]


def show_model(client: Any, name: str) -> ShownModel:
    """A registered model.

    Raises:
      ConfigError: If it is not there.
    """
    model, entries = find_model(client, name), ledger.read(client, name)
    return ShownModel(
        name=name,
        description=model.description or "",
        versions=[_version(version, entries) for version in versions_of(client, name)],
        ledger=entries,
        warnings=look(client, name).warnings,
    )


def show_version(client: Any, text: str) -> ListedVersion:
    """A registered version, as :func:`pipeline.models.registry.versions.find_version` finds it.

    Raises:
      ConfigError: If it is not there.
    """
    return _version(find_version(client, text), ledger.read(client, split_name(text)[0]))


def print_models(console: Console, listed: Sequence[ListedModel]) -> None:
    """One line a registered model, with the figures of its champion."""
    rows = []
    for model in listed:
        numbers = [model.aliases.get(a, "-") for a in (CANDIDATE_ALIAS, CHAMPION_ALIAS, PREVIOUS_ALIAS)]
        figures = _figures(model.champion.standing if model.champion else None)
        rows.append((model.name, str(model.versions), *numbers, *figures))
    headings = ("model", "versions", CANDIDATE_ALIAS, CHAMPION_ALIAS, PREVIOUS_ALIAS, *_FIGURES)
    print_table(console, headings, rows)
    _warn(console, [words for model in listed for words in _named(model)])


def print_model(console: Console, shown: ShownModel) -> None:
    """One line a version, then the ledger."""
    tell(console, plain(shown.description))
    rows = []
    for one in shown.versions:
        standing = one.standing
        rows.append(
            (
                one.version,
                standing.point.point_id if standing else "-",
                *_figures(standing),
                ", ".join(one.aliases),
                standing.run_name if standing else "-",
            )
        )
    print_table(console, ("version", "point", *_FIGURES, "aliases", "run"), rows, words=(0, 1, 6, 7))
    for entry in shown.ledger:
        waived = f"; waived: {', '.join(entry.waived)}" if entry.waived else ""
        tell(console, plain(f"{entry.n:4}  {entry.words}{waived}"))
    _warn(console, shown.warnings)


def print_version(console: Console, one: ListedVersion) -> None:
    """Everything of a version, a line each."""
    lines = {"version": f"{one.registered_model}/{one.version}", "aliases": ", ".join(one.aliases) or "none"}
    if standing := one.standing:
        point = standing.point
        machine = standing.machine
        lines |= {
            "point": f"{point.point_id}, of run {standing.run_name}",
            "quality": f"{point.quality:.4f} ({point.quality_low:.4f} to {point.quality_high:.4f}), "
            f"{point.quality_of_teacher:.1%} of the teacher"
            + (", on synthetic sound" if standing.synthetic else ""),
            **{f"  {task}": f"{score:.4f}" for task, score in point.tasks.items()},
            **_cost(point, f"on {machine.profile}: {machine.name} ({machine.kind})"),
            "size": f"{point.bytes / 2**20:.2f} MiB, {point.parameters:,} parameters",
        }
    lines |= {
        "sha256": one.sha256 or "-",
        "MLflow runs": f"{one.candidate_run_id or '-'}, of pipeline run {one.pipeline_run_id or '-'}",
        **{f"champion, {entry.n}": entry.words for entry in one.promotions},
        **{f"served, {slug}": in_words(read_use(told)) for slug, told in one.served.items()},
    }
    for name, words in lines.items():
        tell(console, plain(f"{name + ':':14} {words}"))


_FIGURES = ("NOSS", "of teacher", "ms", "MiB")


def _listed(client: Any, model: Any) -> ListedModel:
    state, versions = look(client, model.name), versions_of(client, model.name)
    known = {str(version.version): version for version in versions}
    champion = known.get(state.champion)
    devices = {version.tags.get(DEVICE_TAG, "") for version in versions}
    return ListedModel(
        name=model.name,
        device=", ".join(sorted(devices - {""})),
        versions=len(versions),
        aliases={alias: str(version) for alias, version in sorted(model.aliases.items())},
        champion=_version(champion, state.entries) if champion else None,
        warnings=state.warnings,
    )


def _version(version: Any, entries: Sequence[Entry]) -> ListedVersion:
    number = str(version.version)
    return ListedVersion(
        registered_model=version.name,
        version=number,
        aliases=sorted(version.aliases),
        device=version.tags.get(DEVICE_TAG, ""),
        created=version.creation_timestamp,
        sha256=version.tags.get(SHA256_TAG, ""),
        candidate_run_id=version.run_id or "",
        pipeline_run_id=version.tags.get(PARENT_RUN_TAG, ""),
        standing=with_figures(version).standing,
        served={
            tag.removeprefix(SERVED_TAG): words
            for tag, words in sorted(version.tags.items())
            if tag.startswith(SERVED_TAG)
        },
        promotions=[entry for entry in entries if entry.version == number],
    )


def _cost(point: FrontierPoint, where: str) -> dict[str, str]:
    """What running a version costs: time with its interval, or memory and arithmetic of a board."""
    if point.latency_ms is None:
        return {"on a board": f"{point.cost_words} {where}"}
    return {
        "latency": f"{point.latency_ms:.4g} ms {point.typical} ({point.latency_low_ms:.4g} to "
        f"{point.latency_high_ms:.4g}) {where}",
        "ratio": f"{point.latency_ratio:.4g} x the reference network",
    }


def _figures(standing: Standing | None) -> list[str]:
    if standing is None:
        return ["-"] * len(_FIGURES)
    point = standing.point
    return [
        f"{point.quality:.3f}",
        f"{point.quality_of_teacher:.1%}",
        "-" if point.latency_ms is None else f"{point.latency_ms:.3g}",
        f"{point.bytes / 2**20:.2f}",
    ]


def _named(model: ListedModel) -> list[str]:
    return [f"{model.name}: {words}" for words in model.warnings]


def _warn(console: Console, warnings: Sequence[str]) -> None:
    for words in warnings:
        tell(console, plain(f"WARNING: {words}"))
