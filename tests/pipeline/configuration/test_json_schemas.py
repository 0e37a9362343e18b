"""The published schemas are those of the code, and every field explains itself."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from pipeline.configuration.config_file import CONFIGS, load_config
from pipeline.configuration.json_schemas import MODELS, render, schema_file
from pipeline.first_config.text import schema_line


@pytest.mark.parametrize("name", MODELS)
def test_the_published_schema_is_current(name: str) -> None:
    assert schema_file(name).read_text() == render(name), "run: python -m pipeline.configuration.json_schemas"


def test_a_ready_configuration_fits_the_schema() -> None:
    schema = json.loads(schema_file("config").read_text())
    jsonschema.validate(load_config("real_audio").model_dump(mode="json"), schema)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_ready_configuration_names_its_schema_to_editors(path: Path) -> None:
    first, _ = path.read_text().split("\n", 1)
    assert first == schema_line(path)
    assert (path.parent / first.partition("=")[2]).resolve() == schema_file("config")


def test_every_setting_has_a_sentence() -> None:
    schema = json.loads(render("config"))
    models = {"RunConfig": schema, **schema["$defs"]}
    silent = [
        f"{model}.{key}"
        for model, definition in models.items()
        for key, field in definition.get("properties", {}).items()
        if not field.get("description", "").rstrip().endswith((".", ")"))
    ]
    assert silent == []
