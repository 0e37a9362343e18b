"""Every block of the page of cases is a part of a configuration; every link of both pages leads somewhere."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import CONFIGS
from tests.conftest import REPOSITORY

NAMES = ("configurations.md", "footguns.md")
PAGES = {name: (REPOSITORY / "docs" / name).read_text("utf-8") for name in NAMES}
BLOCKS = [
    (section.partition("\n")[0], block)
    for section in PAGES["configurations.md"].split("\n## ")
    for block in re.findall(r"^```yaml\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
]


def laid_over(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Settings with some of them changed, as a reader would write them in; a teacher goes as a whole."""
    merged = dict(whole)
    for key, value in part.items():
        both = isinstance(value, dict) and isinstance(whole.get(key), dict) and "kind" not in value
        merged[key] = laid_over(whole[key], value) if both and key != "students" else value
    return merged


def test_there_are_blocks() -> None:
    assert len(BLOCKS) == PAGES["configurations.md"].count("```yaml") >= 8


@pytest.mark.parametrize(("case", "block"), BLOCKS, ids=[case for case, _ in BLOCKS])
def test_each_block_is_a_part_of_a_configuration(case: str, block: str) -> None:
    real = yaml.safe_load((CONFIGS / "real_audio.yaml").read_text(encoding="utf-8"))
    part = yaml.safe_load(block)
    config = RunConfig.model_validate(laid_over(real, part))
    for key in part:
        assert getattr(config, key) != getattr(RunConfig.model_validate(real), key), key
    assert config.students.expand()


@pytest.mark.parametrize("name", PAGES)
def test_each_link_leads_to_a_page_and_a_heading_of_it(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[name]):
        file, _, anchor = target.partition("#")
        page = (REPOSITORY / "docs" / file).resolve() if file else REPOSITORY / "docs" / name
        assert page.is_file(), target
        headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, target
