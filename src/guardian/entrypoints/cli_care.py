"""Commands that look after an installation: users, tokens, doctor, backup, dead letters, audit."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from guardian.bootstrap import build, entrance
from guardian.bus.base import TOPICS, Message, dead_letters_of
from guardian.domain.audit import GENESIS, chain_digest
from guardian.domain.errors import GuardianError, Invalid, Misconfigured
from guardian.observability.masking import mask_text
from guardian.pipeline import Parts
from guardian.security.identity import ROLES, Principal
from guardian.settings import load

Data = Annotated[Path | None, typer.Option("--data", help="The data folder (GUARDIAN_DATA_DIR).")]
FOUND = 3
DAY_S = 86_400


def parts_of(data: Path | None) -> Parts:
    """The parts of this installation."""
    return build(load(os.environ, **({} if data is None else {"data_dir": data})), "cli")


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
    role: Annotated[str, typer.Option(help=f"One of {', '.join(ROLES)}.")] = "machine",
    hours: Annotated[int, typer.Option(min=1, max=24 * 365)] = 24,
    data: Data = None,
) -> None:
    """Print an access token."""
    if role not in ROLES:
        raise Invalid(f"role: expected one of {', '.join(ROLES)}.")
    parts = parts_of(data)
    principal = Principal(name, ROLES[role], "machine")
    parts.store.audit.append(parts.clock.now_ms(), "cli", "token issued", name, {"role": role})
    typer.echo(entrance(parts).tokens.issue(principal, hours * 3600))


def create(name: str, role: Annotated[str, typer.Option()] = "viewer", data: Data = None) -> None:
    """Add a local user; the password is asked for."""
    parts = parts_of(data)
    secret = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    entrance(parts).users.create(name, role, secret)
    parts.store.audit.append(parts.clock.now_ms(), "cli", "user created", name, {"role": role})
    typer.echo(f"{name} can log in as {role}.", err=True)


def password(name: str, data: Data = None) -> None:
    """Set a local user's password."""
    parts = parts_of(data)
    secret = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    entrance(parts).users.set_password(name, secret)
    parts.store.audit.append(parts.clock.now_ms(), "cli", "password set", name, {})


def show(data: Data = None) -> None:
    """List local users."""
    for user in entrance(parts_of(data)).users.all():
        typer.echo(f"{user.name}\t{user.role}\t{'disabled' if user.disabled else 'active'}")


def doctor(data: Data = None, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Check every dependency and say what to do."""
    findings: list[str] = []
    try:
        parts = parts_of(data)
        findings += parts.store.check()
        if shutil.disk_usage(parts.folder).free < 200 << 20:
            findings.append("Less than 200 MB of disk are free; ingest will answer 503. Free some space.")
        if (version := parts.registry.champion()) is not None:
            parts.registry.load(version)
        if not _chain_is_whole(parts):
            findings.append("The audit log has been changed; see: guardian audit verify")
    except GuardianError as error:
        findings.append(str(error))
    if as_json:
        typer.echo(json.dumps({"ok": not findings, "findings": findings}))
    else:
        typer.echo("\n".join(findings) or "Everything answers.", err=bool(findings))
    raise typer.Exit(FOUND if findings else 0)


def backup(target: Path, data: Data = None) -> None:
    """Copy the store into an empty folder while everything runs."""
    archive.backup(parts_of(data), target)
    typer.echo(f"Backed up to {target}.", err=True)


def restore(source: Path, data: Data = None) -> None:
    """Put a backup into an empty data folder."""
    settings = load(os.environ, **({} if data is None else {"data_dir": data}))
    archive.restore(settings, source)
    typer.echo(f"Restored into {settings.data_dir}. Tokens of before are void: make new ones.", err=True)


def letters(data: Data = None) -> None:
    """List parked records with their reasons, masked."""
    parts = parts_of(data)
    for topic in TOPICS:
        for message in _parked(parts, topic, "list"):
            shown = mask_text(message.value.decode("utf-8", "replace"))[:200]
            typer.echo(json.dumps({"topic": topic, "headers": message.headers, "value": shown}))


def replay(topic: str, data: Data = None) -> None:
    """Publish the parked records of a topic again, once."""
    if topic not in TOPICS:
        raise Invalid(f"topic: expected one of {', '.join(TOPICS)}.")
    parts = parts_of(data)
    parked = _parked(parts, topic, "replay", mark=True)
    if parked:
        parts.bus.publish(topic, [Message("", message.value) for message in parked])
    parts.store.audit.append(
        parts.clock.now_ms(), "cli", "dead letters replayed", topic, {"n": str(len(parked))}
    )
    typer.echo(f"{len(parked)} records published again.", err=True)


def verify(data: Data = None) -> None:
    """Check the chain of the audit log."""
    whole = _chain_is_whole(parts_of(data))
    typer.echo("The audit log is whole." if whole else "The audit log has been changed.", err=True)
    raise typer.Exit(0 if whole else FOUND)


def upgrade(data: Data = None) -> None:
    """Bring the store forward to this version."""
    parts_of(data)
    typer.echo("The store is of this version.", err=True)


def _parked(parts: Parts, topic: str, group: str, mark: bool = False) -> list[Message]:
    subscription = parts.bus.subscribe(dead_letters_of(topic), group if mark else "", from_start=True)
    found: list[Message] = []
    while (batch := subscription.take(1_000, 0.0)) is not None:
        found += [Message("", value, batch.headers.get(i)) for i, value in enumerate(batch.values)]
        if mark:
            subscription.mark(batch.partition, batch.positions[-1])
    subscription.close()
    return found


def _chain_is_whole(parts: Parts) -> bool:
    previous, expected = GENESIS, 1
    while entries := parts.store.audit.read(after=expected - 1):
        for one in entries:
            facts = (one.sequence, one.at_ms, one.actor, one.action, one.target)
            if one.sequence != expected or chain_digest(previous, facts, one.detail) != one.digest:
                return False
            previous, expected = one.digest, expected + 1
    return True
