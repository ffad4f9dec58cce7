"""The command line. Data on stdout, words on stderr; 0 ok, 1 failed, 2 usage, 3 found something."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from guardian import __version__
from guardian.domain.errors import GuardianError, Misconfigured
from guardian.entrypoints import (
    cli_backtest,
    cli_care,
    cli_data,
    cli_drill,
    cli_rules,
    cli_sources,
    cli_verify,
)
from guardian.observability.logs import configure
from guardian.settings import Http, Settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Transaction Guardian: real-time monitor of payment transactions.",
)
cli_care.register(app)
cli_data.register(app)
cli_backtest.register(app)
cli_sources.register(app)
cli_drill.register(app)
cli_verify.register(app)
cli_rules.register(app)
Data = Annotated[Path | None, typer.Option("--data", help="The data folder (GUARDIAN_DATA_DIR).")]
Port = Annotated[int | None, typer.Option("--port", min=1, max=65_535, help="Where the door listens.")]
Parent = Annotated[int | None, typer.Option("--parent", hidden=True)]


def settings_of(data: Path | None, port: int | None = None) -> Settings:
    """The settings of this process, with what the command line says on top."""
    settings = cli_care.settings_of(data)
    if port is not None:
        http = Http(**settings.http.model_dump() | {"port": port})
        settings = settings.model_copy(update={"http": http})
    return settings


@app.command()
def up(
    demo: Annotated[bool, typer.Option("--demo", help="Two simulated weeks, then live traffic.")] = False,
    data: Data = None,
    port: Port = None,
) -> None:
    """Start everything on this machine, supervised."""
    from guardian.entrypoints.run import run_all

    run_all(settings_of(data, port), demo)


@app.command(hidden=True)
def demo(data: Data = None, parent: Parent = None) -> None:
    """Send simulated traffic (a part of `up --demo`)."""
    from guardian.entrypoints.demo import run_demo

    run_demo(settings_of(data), parent)


@app.command()
def api(data: Data = None, port: Port = None, parent: Parent = None) -> None:
    """Start the door alone."""
    from guardian.entrypoints.run import run_door

    run_door(settings_of(data, port), parent)


@app.command()
def work(
    stages: Annotated[list[str] | None, typer.Argument(help="Stages to run; all when none is named.")] = None,
    data: Data = None,
    parent: Parent = None,
) -> None:
    """Start a worker of some or all stages."""
    from guardian.entrypoints.run import run_worker

    raise typer.Exit(run_worker(settings_of(data), stages or [], parent))


@app.command("warm-up")
def warm_up() -> None:
    """Compile the numeric kernels, so that the first start is quick."""
    from guardian.entrypoints.run import compile_kernels

    compile_kernels()


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command("config")
def config(
    action: Annotated[str, typer.Argument(callback=cli_care.one_of(["show"]), help="show")] = "show",
    data: Data = None,
) -> None:
    """Show the settings in force; secrets are never printed."""
    del action
    typer.echo(json.dumps(settings_of(data).model_dump(mode="json"), indent=2))


def main() -> None:
    """Run a command; our own errors become one line and an exit code."""
    configure()
    try:
        app()
    except Misconfigured as error:
        typer.echo(f"guardian: {error}", err=True)
        sys.exit(2)
    except GuardianError as error:
        typer.echo(f"guardian: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # who read us has left: no complaint
        sys.exit(1)
    except OSError as error:
        typer.echo(f"guardian: {error.strerror or 'The system refused'}: {error.filename or '?'}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
