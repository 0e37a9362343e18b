"""Card and example of a pushed model, made from its description alone."""

from __future__ import annotations

from schemas.reports import ModelDescription


def write_card(description: ModelDescription) -> str:
    """The model card (Markdown): what the file is for, what is known of it, and how to use it.

    Args:
      description: Of a pushed file.
    """
    return f"# {description.point_id}\n"


def write_example(description: ModelDescription) -> str:
    """A Python program that embeds wav files with the model beside it and compares two of them.

    It needs numpy and LiteRT.

    Args:
      description: Of a pushed file.
    """
    return f'"""Embeds wav files with {description.point_id}."""\n'
