"""The options of the commands that bring data in."""

import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from guardian.domain.errors import Invalid
from guardian.entrypoints.client import Access, GuardianClient, local_access
from guardian.ingestion.files_time import zone_of
from guardian.observability.masking import looks_like_pan
from guardian.settings import load

Files = Annotated[
    list[Path] | None,
    typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV, NDJSON, Parquet."),
]
File = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV, NDJSON or Parquet.")
]


def usable_source(name: str | None) -> str | None:
    """Refuses as a usage error what the door would refuse with every row."""
    if name is not None and (
        not 1 <= len(name) <= 50 or not name.isprintable() or name.isspace() or looks_like_pan(name)
    ):
        raise typer.BadParameter("expected 1 to 50 printable characters, and no card number.")
    return name


Source = Annotated[
    str | None,
    typer.Option("--source", callback=usable_source, help="The series these data belong to."),
]


def _known_zone(name: str) -> str:
    try:
        zone_of(name)
    except Invalid as error:
        raise typer.BadParameter("expected a time zone such as America/Sao_Paulo.") from error
    return name


Zone = Annotated[
    str,
    typer.Option("--tz", callback=_known_zone, help="Zone of times that name none, e.g. America/Sao_Paulo."),
]
Url = Annotated[str | None, typer.Option("--url", help="Another Guardian than this machine's.")]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", exists=True, dir_okay=False, help="A file that holds the token."),
]
Data = Annotated[Path | None, typer.Option("--data", help="The data folder (GUARDIAN_DATA_DIR).")]
AsJson = Annotated[bool, typer.Option("--json", help="The summary as JSON on stdout.")]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a command sends to: this machine's system unless `url` names another."""

    url: Url = None
    token_file: TokenFile = None
    data: Data = None

    def folder(self) -> Path:
        """The data folder of this machine."""
        return load(os.environ, **({} if self.data is None else {"data_dir": self.data})).data_dir

    def access(self) -> Access:
        """Address and token; the token of this machine is given to no other address."""
        if self.url is None:
            local = local_access(self.folder())
            return Access(local.url, self._token() or local.token, local.demo)
        token = self._token()
        if token is None:
            raise typer.BadParameter("--url needs --token-file.")
        return Access(self.url, token)

    def _token(self) -> str | None:
        if self.token_file is None:
            return None
        return self.token_file.read_text(encoding="utf-8").strip()

    def client(self) -> GuardianClient:
        """A client of that system."""
        access = self.access()
        return GuardianClient(access.url, access.token)


class Import(Target, frozen=True, kw_only=True):
    """Bring in files of transactions, or of minute counts, as a source of their own; or labels."""

    files: Files = None
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels", exists=True, dir_okay=False, help="A file of transaction_id,is_fraud,known_at."
        ),
    ] = None
    source: Source = None
    tz: Zone = "UTC"
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew, whatever was sent before.")] = False
    as_json: AsJson = False


class Replay(Target, frozen=True, kw_only=True):
    """Play a file through the running system as if it happened now."""

    file: File
    speed: Annotated[float, typer.Option("--speed", min=1.0, help="Times as fast as it was.")] = 1.0
    keep_times: Annotated[bool, typer.Option("--keep-times", help="Do not shift the times to now.")] = False
    source: Source = None
    tz: Zone = "UTC"


class Simulate(Target, frozen=True, kw_only=True):
    """Make realistic traffic: into the running system, or into a file together with its labels."""

    rate: Annotated[
        float | None, typer.Option("--rate", min=0.01, max=100_000, help="Mean per minute [60].")
    ] = None
    incident: Annotated[str | None, typer.Option("--incident", help="The kind, e.g. outage.")] = None
    severity: Annotated[
        float | None, typer.Option("--severity", help="Its size; each kind has its usual.")
    ] = None
    after: Annotated[int, typer.Option("--after", min=0, help="Minutes until it begins.")] = 0
    duration: Annotated[int | None, typer.Option("--duration", min=1, help="Minutes that it lasts.")] = None
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed, the same traffic.")] = 1
    out: Annotated[Path | None, typer.Option("--out", help="An .ndjson or .csv file to write.")] = None
    labels: Annotated[Path | None, typer.Option("--labels", help="Where the incident's label goes.")] = None
    frauds: Annotated[float, typer.Option("--frauds", min=0, max=10_000, help="Begun a day, in a file.")] = (
        0.0
    )
    fraud_labels: Annotated[
        Path | None, typer.Option("--fraud-labels", help="A .csv of which transactions were fraud.")
    ] = None
    start: Annotated[str | None, typer.Option("--start", help="First minute in the file, RFC 3339.")] = None
    minutes: Annotated[int | None, typer.Option("--minutes", min=1, help="How long; a file has 1440.")] = None
    as_json: AsJson = False


def say(words: str) -> None:
    """Words for people go to stderr."""
    typer.echo(words, err=True)
