"""Commands that bring data in: import, replay, simulate."""

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import msgspec
import typer

from guardian.entrypoints import cli_data_import, cli_data_replay, cli_data_simulate
from guardian.entrypoints.cli_data_forms import Import, Replay, Simulate


def register(app: typer.Typer) -> None:
    """Add the commands."""
    _add(app, "import", Import, cli_data_import.run)
    _add(app, "replay", Replay, cli_data_replay.run)
    _add(app, "simulate", Simulate, cli_data_simulate.run)


def _add(app: typer.Typer, name: str, form: type[Any], act: Callable[[Any], None]) -> None:
    """A command whose options are the fields of `form`, which `act` is given whole."""

    def command(**given: object) -> None:
        act(form(**given))

    hints = get_type_hints(form, include_extras=True)
    kinds = inspect.Parameter.KEYWORD_ONLY
    fields = [
        inspect.Parameter(
            one.name,
            kinds,
            annotation=hints[one.name],
            default=inspect.Parameter.empty if one.required else one.default,
        )
        for one in msgspec.structs.fields(form)
    ]
    command.__signature__ = inspect.Signature(fields)  # type: ignore[attr-defined]
    command.__annotations__ = {one: hints[one] for one in form.__struct_fields__}
    app.command(name, help=form.__doc__)(command)
