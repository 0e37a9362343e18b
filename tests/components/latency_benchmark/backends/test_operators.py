from __future__ import annotations

from typing import Any

import pytest

from components.latency_benchmark.backends.operators import middle_mean, operator_times


def ran(operator: str, *elapsed_us: int, name: str = "", delegated: bool = False) -> dict[str, Any]:
    return {"operator": operator, "name": name, "delegated": delegated, "elapsed_us": list(elapsed_us)}


def test_dearest_first_with_shares_of_the_sum() -> None:
    operators = operator_times(
        [ran("RESHAPE", 5, name="patch"), ran("CONV_2D", 15, name="stem;bias"), ran("MEAN", 20, name="pool")]
    )
    assert [(one.operator, one.name, one.count, one.mean_us, one.share) for one in operators] == [
        ("MEAN", "pool", 1, 20, 0.5),
        ("CONV_2D", "stem", 1, 15, 0.375),
        ("RESHAPE", "patch", 1, 5, 0.125),
    ]


def test_what_is_shorter_than_the_clock_tells_is_put_together() -> None:
    operators = operator_times(
        [
            ran("Multiply", 0, 1, delegated=True),
            ran("GEMM", 4, 4, delegated=True),
            ran("Multiply", 0, 0, delegated=True),
            ran("ADD", 0, 1, name="residual"),
        ]
    )
    # 4 whole microseconds stand for 4 to 5; one of two runs of the first Multiply is 1 to 2.
    assert [(one.operator, one.name, one.count, one.mean_us) for one in operators] == [
        ("GEMM", "XNNPACK, operator 1", 1, 4.5),
        ("Multiply", "each below 1 us", 2, 0.75),
        ("ADD", "each below 1 us", 1, 0.5),
    ]
    assert sum(one.share for one in operators) == pytest.approx(1)


def test_an_interrupted_run_counts_for_nothing() -> None:
    # Sorted 2 3 3 4 4 5 6 9000: the middle half is 3 4 4 5.
    assert middle_mean([4, 9000, 3, 2, 6, 3, 5, 4]) == 4
    assert middle_mean([1, 2, 6]) == 3, "too few to leave any out"


def test_a_file_that_takes_no_time_at_all() -> None:
    assert [one.share for one in operator_times([ran("RESHAPE", 0, 0)])] == [0]
