"""``registry``: what is registered, with its figures, its champions and where they serve."""

from __future__ import annotations

import argparse
from typing import Any

from pipeline.commands.shared import add_json, add_store, say_json

_HELP = """\
What the MLflow registry holds: a registered model for each device, a version for each file blessed for it.
"""


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Adds the command; returns the parsers of what it can do."""
    parser = commands.add_parser("registry", help="list and show registered models", description=_HELP)
    kinds = parser.add_subparsers(required=True, metavar="COMMAND")

    listing = kinds.add_parser("ls", help="list all registered models with their champions")
    listing.set_defaults(command=_ls)

    show = kinds.add_parser("show", help="show a registered model with its ledger, or one version")
    show.add_argument(
        "what", metavar="NAME[/VERSION|@ALIAS]", help="a registered model, or one version of it"
    )
    show.set_defaults(command=_show)

    for command in (listing, show):
        add_store(command)
        add_json(command)
    return [listing, show]


def _ls(options: argparse.Namespace) -> int:
    from rich.console import Console

    from pipeline.models.registry.listing import list_models, print_models
    from pipeline.models.stores import opened

    with opened(options.tracking_uri, options.output) as client:
        listed = list_models(client)
    if options.json:
        say_json([model.model_dump(mode="json") for model in listed])
    else:
        print_models(Console(), listed)
    return 0


def _show(options: argparse.Namespace) -> int:
    from rich.console import Console

    from pipeline.models.registry.listing import print_model, print_version, show_model, show_version
    from pipeline.models.registry.versions import split_name
    from pipeline.models.stores import opened

    _, version, alias = split_name(options.what)
    with opened(options.tracking_uri, options.output) as client:
        if version or alias:
            one = show_version(client, options.what)
            if options.json:
                say_json(one.model_dump(mode="json"))
            else:
                print_version(Console(), one)
        else:
            model = show_model(client, split_name(options.what)[0])
            if options.json:
                say_json(model.model_dump(mode="json"))
            else:
                print_model(Console(), model)
    return 0
