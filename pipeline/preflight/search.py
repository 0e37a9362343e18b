"""What a search will do, counted before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import ConfigError
from pipeline.configuration.grid import families
from pipeline.terminal.words import counted


def plan(config: RunConfig) -> Iterator[str]:
    """The search's plan, as lines; none without a search.

    Which network promises most is known after the short trainings; here it is taken to be the one with most
    multiply-accumulates.

    Args:
      config: Resolved.

    Raises:
      ConfigError: If the budget does not reach both ends of the frontier, with the least that does.
    """
    if config.search is None:
        return
    # Here, since it takes TensorFlow.
    from components.student_trainer.screen import unscreened

    epochs, search = config.training.epochs, config.search
    networks = [
        unscreened(students, students[0].front_end_in(config.front_end), config.training)
        for students in families(config.students.expand()).values()
    ]
    macs = [one.mega_macs for students in networks for one in students]
    grid = sum(macs) * epochs
    firsts = [students[0].mega_macs for students in networks]
    short = search.short_epochs * sum(firsts) / grid
    ends = epochs * sum({min(firsts), max(firsts)}) / grid
    full = epochs * sum(firsts) / grid
    warm = counted(config.training.warm_epochs, "epoch")
    others = f"their other students {warm} each, from the trained network"
    if config.training.linear_fit.fits_alone:
        others = f"what follows them is fitted, and takes {warm} where it is quantised or sparse"
    least = short + ends
    yield (
        f"search: {counted(len(macs), 'candidate')} of {counted(len(networks), 'network')}, "
        f"{sum(macs) / 1e3:.3g} GMAC a window together; budget {search.budget:.1%} of training all in full"
    )
    yield (
        f"search: short trainings of all networks ({search.short_epochs} of {epochs} epochs) take "
        f"{short:.1%}, and a little more to judge their other students; all networks in full would take "
        f"{full:.1%}; {others}"
    )
    if least > search.budget:
        raise ConfigError(
            f"search.budget is {search.budget:g}, but the short trainings and both ends of the frontier, the "
            f"smallest and the largest network in full, take {least:.3g}; accepted: {least:.2g} or more (and "
            "a tenth of it for the audit, unless search.audit is false), or fewer networks"
        )
    yield f"search: {search.budget - least:.1%} are left for what promises most beside both ends"
    budgets = config.device_budgets
    if budgets.of_time and budgets.unlimited:
        yield (f"search: budgets rule nothing out beforehand, since {', '.join(budgets.unlimited)} has none")
    elif budgets.of_time:
        yield (
            f"search: the networks' files are timed on {', '.join(budgets.of_time)} before the choice: what "
            "misses its budgets for certain is not trained"
        )
