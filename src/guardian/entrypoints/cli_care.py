"""Commands that look after an installation: users, tokens, doctor, backup, dead letters, audit."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from guardian.bootstrap import build, entrance
from guardian.bus.base import PARKING_HEADERS, TOPICS, Batch, Headers, Message, dead_letters_of
from guardian.entrypoints import archive
from guardian.entrypoints.doctor import chain_is_whole, examine
from guardian.observability.masking import mask_text
from guardian.pipeline import Parts
from guardian.security.identity import ROLES, Principal
from guardian.settings import Settings, load

Data = Annotated[Path | None, typer.Option("--data", help="The data folder (GUARDIAN_DATA_DIR).")]


def one_of(words: Sequence[str]) -> Callable[[str], str]:
    """Refuses any other word as a usage error."""

    def check(given: str) -> str:
        if given not in words:
            raise typer.BadParameter(f"expected one of {', '.join(words)}.")
        return given

    return check


Role = Annotated[
    str, typer.Option("--role", callback=one_of(list(ROLES)), help=f"One of {', '.join(ROLES)}.")
]
Stdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
FOUND = 3


def settings_of(data: Path | None) -> Settings:
    """The settings of this process, with the data folder of the command line on top."""
    return load(os.environ, **({} if data is None else {"data_dir": data}))


def parts_of(data: Path | None) -> Parts:
    """The parts of this installation."""
    return build(settings_of(data), "cli")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for alone in (token, doctor, backup, restore):
        app.command()(alone)
    groups: dict[str, dict[str, Callable[..., None]]] = {
        "users": {"create": create, "list": show, "password": password},
        "dlq": {"list": letters, "replay": replay},
        "audit": {"verify": verify},
        "db": {"upgrade": upgrade},
    }
    for name, commands in groups.items():
        group = typer.Typer(no_args_is_help=True)
        for word, command in commands.items():
            group.command(word)(command)
        app.add_typer(group, name=name)


def token(
    name: Annotated[str, typer.Option(help="Whose token it is.")] = "cli",
    role: Role = "machine",
    hours: Annotated[int, typer.Option(min=1, max=24 * 365)] = 24,
    data: Data = None,
) -> None:
    """Print an access token."""
    parts = parts_of(data)
    principal = Principal(name, ROLES[role], "machine")
    parts.store.audit.append(parts.clock.now_ms(), "cli", "token issued", name, {"role": role})
    typer.echo(entrance(parts).tokens.issue(principal, hours * 3600))


def create(name: str, role: Role = "viewer", password_stdin: Stdin = False, data: Data = None) -> None:
    """Add a local user; the password is asked for."""
    parts = parts_of(data)
    secret = _secret(password_stdin)
    entrance(parts).users.create(name, role, secret)
    parts.store.audit.append(parts.clock.now_ms(), "cli", "user created", name, {"role": role})
    typer.echo(f"{name} can log in as {role}.", err=True)


def password(name: str, password_stdin: Stdin = False, data: Data = None) -> None:
    """Set a local user's password."""
    parts = parts_of(data)
    secret = _secret(password_stdin)
    entrance(parts).users.set_password(name, secret)
    parts.store.audit.append(parts.clock.now_ms(), "cli", "password set", name, {})
    typer.echo(f"The password of {name} is set.", err=True)


def show(data: Data = None) -> None:
    """List local users."""
    for user in entrance(parts_of(data)).users.all():
        typer.echo(f"{user.name}\t{user.role}\t{'disabled' if user.disabled else 'active'}")


def doctor(data: Data = None, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Check every dependency and say what to do."""
    seen = examine(settings_of(data))
    if as_json:
        typer.echo(json.dumps({"ok": not seen.findings, "findings": seen.findings, "notes": seen.notes}))
    else:
        for line in (*seen.findings, *(f"Note: {one}" for one in seen.notes)):
            typer.echo(line, err=True)
        typer.echo("Something needs attention." if seen.findings else "Everything answers.", err=True)
    raise typer.Exit(FOUND if seen.findings else 0)


def backup(target: Path, data: Data = None) -> None:
    """Copy the store into an empty folder while everything runs."""
    archive.backup(parts_of(data), target)
    typer.echo(f"Backed up to {target}.", err=True)


def restore(source: Path, data: Data = None) -> None:
    """Put a backup into an empty data folder."""
    settings = settings_of(data)
    archive.restore(settings, source)
    typer.echo(f"Restored into {settings.data_dir}. Tokens of before are void: make new ones.", err=True)


def letters(data: Data = None) -> None:
    """List parked records with their reasons, masked."""
    parts = parts_of(data)
    for topic in TOPICS:
        for batch in _parked(parts, topic, ""):
            for index, value in enumerate(batch.values):
                shown = mask_text(value.decode("utf-8", "replace"))[:200]
                typer.echo(json.dumps({"topic": topic, "headers": batch.headers.get(index), "value": shown}))


def replay(topic: Annotated[str, typer.Argument(callback=one_of(TOPICS))], data: Data = None) -> None:
    """Publish the parked records of a topic again, once."""
    parts = parts_of(data)
    published = 0
    for batch in _parked(parts, topic, "replay"):
        headers = [_as_before(batch.headers.get(index)) for index in range(len(batch.values))]
        again = [Message("", value, header) for value, header in zip(batch.values, headers, strict=True)]
        parts.bus.publish(topic, again)
        published += len(again)
    parts.store.audit.append(
        parts.clock.now_ms(), "cli", "dead letters replayed", topic, {"n": str(published)}
    )
    typer.echo(f"{published} records published again.", err=True)


def verify(data: Data = None) -> None:
    """Check the chain of the audit log."""
    whole = chain_is_whole(parts_of(data).store.audit)
    typer.echo("The audit log is whole." if whole else "The audit log has been changed.", err=True)
    raise typer.Exit(0 if whole else FOUND)


def upgrade(data: Data = None) -> None:
    """Bring the store forward to this version."""
    parts_of(data)
    typer.echo("The store is of this version.", err=True)


def _secret(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to ask at; give it with --password-stdin.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _parked(parts: Parts, topic: str, group: str) -> Iterator[Batch]:
    """Batches of dead letters; each is marked for the group once the caller is done with it."""
    subscription = parts.bus.subscribe(dead_letters_of(topic), group)
    try:
        while (batch := subscription.take(1_000, 0.0)) is not None:
            yield batch
            subscription.mark(batch.partition, batch.positions[-1])
    finally:
        subscription.close()


def _as_before(headers: Headers | None) -> Headers | None:
    """The record's own headers, without those that say why it was parked."""
    return {name: value for name, value in (headers or {}).items() if name not in PARKING_HEADERS} or None
