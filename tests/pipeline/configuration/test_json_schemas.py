"""The published schemas are those of the code, and every field explains itself."""

from __future__ import annotations

import json

import jsonschema
import pytest

from pipeline.configuration.config_file import load_config
from pipeline.configuration.json_schemas import MODELS, render, schema_file


@pytest.mark.parametrize("name", MODELS)
def test_the_published_schema_is_current(name: str) -> None:
    assert schema_file(name).read_text() == render(name), "run: python -m pipeline.configuration.json_schemas"


def test_a_ready_configuration_fits_the_schema() -> None:
    schema = json.loads(schema_file("config").read_text())
    jsonschema.validate(load_config("real_audio").model_dump(mode="json"), schema)


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
