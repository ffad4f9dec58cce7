"""Typed settings, read once by the doors: GUARDIAN_<PACKAGE>__<FIELD>, files for secrets."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from guardian.domain.errors import Misconfigured
from guardian.domain.segment import SEGMENTED
from guardian.domain.shift import shift_hours
from guardian.domain.transaction import DEFAULT_STATUSES

PREFIX = "GUARDIAN_"
MOST_SEGMENTS = 8


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _listed(text: str) -> tuple[str, ...]:
    """What is between commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


class Storage(_Part):
    """Where things are kept, and live traffic for how long. `url` empty means SQLite in the data folder."""

    url: str = ""
    transactions_days: int = Field(default=90, ge=1)
    minutes_days: int = Field(default=400, ge=1)
    hours_days: int = Field(default=1_826, ge=1)


class Bus(_Part):
    """How records travel. `url` empty means the embedded log in the data folder."""

    url: str = ""


class Http(_Part):
    """Where the door listens."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65_535)
    base_url: str = ""


class Ingestion(_Part):
    """What is accepted."""

    statuses: tuple[str, ...] = DEFAULT_STATUSES
    free_disk_mb: int = Field(default=200, ge=0)
    lag_records: int = Field(default=5_000_000, ge=1)


class Scoring(_Part):
    """How single transactions are judged.

    `rules_file` holds the rules of the first start, those that ship when it is empty; from then on rules
    are kept in the store.
    """

    rules_file: str = ""


class Watching(_Part):
    """At most so many false pages a shift over all series; by default one a week.

    `shifts` are local hours that fill a day, in the zone of the console. `segments` are the columns,
    or pairs of them (`acquirer+card_bin`), whose values have series of their own; none when empty.
    `calendar_file` has a line for each holiday and pay-day, such as `2026-12-25 holiday`.
    A fire drill is held every `drill_every_days`; none when 0.
    """

    false_pages_per_shift: float = Field(default=1 / 21, ge=0.001, le=4.0)
    shifts: str = "00-08,08-16,16-24"
    segments: str = "acquirer,merchant_id,card_bin"
    most_series: int = Field(default=20_000, ge=100, le=1_000_000)
    calendar_file: str = ""
    drill_every_days: int = Field(default=0, ge=0, le=365)

    @field_validator("shifts")
    @classmethod
    def a_whole_day(cls, value: str) -> str:
        """Hours such as 00-08,08-16,16-24."""
        shift_hours(value)
        return value

    @field_validator("segments")
    @classmethod
    def known_columns(cls, value: str) -> str:
        """Columns of a transaction, or pairs of them."""
        named = [part for one in _listed(value) for part in one.split("+")]
        if any(one not in SEGMENTED for one in named) or len(_listed(value)) > MOST_SEGMENTS:
            raise ValueError(f"expected at most {MOST_SEGMENTS} of {', '.join(SEGMENTED)}, or pairs a+b")
        return value

    @property
    def dimensions(self) -> tuple[str, ...]:
        """By what the traffic is split."""
        return _listed(self.segments)

    @property
    def hours(self) -> tuple[tuple[int, int], ...]:
        """The shifts, as the hours of their beginnings and ends."""
        return shift_hours(self.shifts)


class Cases(_Part):
    """How long a case of flagged transactions stays open without news before it closes as undecided."""

    quiet_days: int = Field(default=14, ge=1, le=365)


class Alerting(_Part):
    """Who is told. The secret may come from a file (`webhook_secret_file`)."""

    webhook_url: str = ""
    webhook_secret: SecretStr = SecretStr("")
    webhook_secret_file: str = ""
    allow_private: bool = False
    heartbeat_url: str = ""
    heartbeat_s: int = Field(default=60, ge=5)


class Console(_Part):
    """How times and places are told to people."""

    zone: str = "America/Sao_Paulo"
    environment: str = "local"

    @field_validator("zone")
    @classmethod
    def known_zone(cls, value: str) -> str:
        """An IANA zone this machine knows."""
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("not a known time zone") from error
        return value


class Observability(_Part):
    """What is written down about the system itself."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(BaseSettings):
    """All settings of one process, frozen."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    data_dir: Path = Path("data")
    storage: Storage = Storage()
    bus: Bus = Bus()
    http: Http = Http()
    ingestion: Ingestion = Ingestion()
    scoring: Scoring = Scoring()
    watching: Watching = Watching()
    cases: Cases = Cases()
    alerting: Alerting = Alerting()
    console: Console = Console()
    observability: Observability = Observability()

    def webhook_secret(self) -> str:
        """The secret itself, from its file where one is named. Raises Misconfigured."""
        path = self.alerting.webhook_secret_file
        if not path:
            return self.alerting.webhook_secret.get_secret_value()
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            name = f"{PREFIX}ALERTING__WEBHOOK_SECRET_FILE"
            raise Misconfigured(f"{name}: the file cannot be read.") from error


def known_names(model: type[BaseModel] = Settings, prefix: str = PREFIX) -> Iterator[str]:
    """Every environment variable that means something."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from known_names(inner, f"{prefix}{name.upper()}__")
        else:
            yield prefix + name.upper()


def load(environment: Mapping[str, str], **given: object) -> Settings:
    """Read the settings. Raises Misconfigured, naming each variable that is unknown or wrong."""
    known = set(known_names())
    unknown = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise Misconfigured(f"Unknown settings: {', '.join(unknown)}. See: guardian config show")
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = "; ".join(
            f"{PREFIX}{'__'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()
        )
        raise Misconfigured(wrong) from error
