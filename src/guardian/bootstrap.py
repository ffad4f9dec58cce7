"""The composition root: the only place that chooses back ends."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from guardian.alerting.heartbeat import Heartbeat
from guardian.alerting.webhook import WebhookSender
from guardian.bus.base import TRANSACTIONS, Bus
from guardian.bus.log import LogBus
from guardian.domain.calendar import Calendar, read_calendar
from guardian.domain.clock import Clock, SystemClock
from guardian.domain.errors import Misconfigured
from guardian.features.definition import NAMES
from guardian.learning.housekeeping import Retention
from guardian.models.base import ModelRegistry
from guardian.models.folder import FolderRegistry
from guardian.observability.metrics import Metrics
from guardian.pipeline import Parts
from guardian.scoring.rules.book import RuleBook
from guardian.scoring.rules.ruleset import load_rules
from guardian.security.keys import model_key
from guardian.settings import Alerting, Settings
from guardian.storage.sqlite.store import SqliteStore, restore
from guardian.storage.stores import Store
from guardian.watching.asked import Asked
from guardian.watching.budget import decades

MODEL_KEY = "models.key"

if TYPE_CHECKING:  # each process loads only what it does
    from guardian.scoring.judge import ForestJudge
    from guardian.security.entrance import Entrance
    from guardian.security.guard import Guard


def build(settings: Settings, part: str, clock: Clock | None = None) -> Parts:
    """Everything a process needs. Raises Misconfigured, naming what is wrong."""
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _parts(settings, part, clock or SystemClock())
    except OSError as error:
        raise Misconfigured(f"GUARDIAN_DATA_DIR: the folder cannot be used ({error.strerror}).") from error


def _parts(settings: Settings, part: str, clock: Clock) -> Parts:
    folder = settings.data_dir
    seeds = load_rules(Path(settings.scoring.rules_file) if settings.scoring.rules_file else None)
    registry = models(settings)
    alerting, sender, kept = settings.alerting, _sender(settings, clock), settings.storage
    watched = settings.watching
    bus, store = _bus(settings.bus.url, folder), _store(settings.storage.url, folder)
    # a store may come from a backup, without its log: a position counts once
    bus.advance(TRANSACTIONS, store.transactions.position(0))
    rules = RuleBook(store.records, store.audit, clock, lambda: seeds.contents.rules)
    return Parts(
        folder=folder,
        clock=clock,
        bus=bus,
        store=store,
        registry=registry,
        judge=lambda language: _judge(rules, language),
        rules=rules,
        metrics=Metrics(part, folder / "metrics"),
        deliver=sender.to(alerting.webhook_url) if sender and alerting.webhook_url else None,
        heartbeat=_heartbeat(alerting, sender, clock),
        asked=Asked(
            budget_decades=decades(watched.false_pages_per_shift, len(watched.hours)),
            dimensions=watched.dimensions,
            most_series=watched.most_series,
            calendar=_calendar(watched.calendar_file, settings.console.zone),
            drill_every_days=watched.drill_every_days,
        ),
        case_quiet_days=settings.cases.quiet_days,
        retention=Retention(kept.transactions_days, kept.minutes_days, kept.hours_days),
    )


def _calendar(file: str, zone: str) -> Calendar:
    if not file:
        return Calendar(zone)
    try:
        return read_calendar(Path(file).read_text(encoding="utf-8").splitlines(), zone)
    except (OSError, ValueError) as error:
        raise Misconfigured(f"GUARDIAN_WATCHING__CALENDAR_FILE: {file} cannot be used ({error}).") from error


def models(settings: Settings) -> ModelRegistry:
    """The registry of models."""
    folder = settings.data_dir
    return FolderRegistry(folder / "models", NAMES, model_key(folder / "keys" / MODEL_KEY))


def _judge(rules: RuleBook, language: str) -> "ForestJudge":
    """Compiled code takes 70 MB: only who judges or explains loads it."""
    from guardian.scoring.judge import ForestJudge

    return ForestJudge(rules.current(), None, language)


def entrance(parts: Parts) -> "Entrance":
    """Tokens, users and sessions of the local issuer."""
    from guardian.security.entrance import Entrance
    from guardian.security.sessions import Sessions
    from guardian.security.tokens import API, CONSOLE, Tokens, load_or_create_key
    from guardian.security.users import Users

    key = load_or_create_key(parts.folder / "keys" / "signing.pem")
    return Entrance(
        users=Users(parts.store.records, parts.clock),
        sessions=Sessions(Tokens(key, CONSOLE, parts.clock), key.private_bytes_raw()),
        tokens=Tokens(key, API, parts.clock),
        audit=parts.store.audit,
        clock=parts.clock,
    )


def guard(entrance: "Entrance") -> "Guard":
    """The guard of every route."""
    from guardian.security.guard import Guard

    return Guard(entrance.tokens, entrance.sessions)


def _sender(settings: Settings, clock: Clock) -> WebhookSender | None:
    """What signs and posts, where anyone is to be told. Raises Misconfigured without a sound secret."""
    alerting = settings.alerting
    if not (alerting.webhook_url or alerting.heartbeat_url):
        return None
    return WebhookSender(settings.webhook_secret(), clock, alerting.allow_private)


def _heartbeat(alerting: Alerting, sender: WebhookSender | None, clock: Clock) -> Heartbeat | None:
    if sender is None or not alerting.heartbeat_url:
        return None
    return Heartbeat(alerting.heartbeat_url, sender, clock, alerting.heartbeat_s)


def _bus(url: str, folder: Path) -> Bus:
    scheme = urlsplit(url).scheme
    if not url:
        return LogBus(folder / "bus")
    if scheme == "log":
        return LogBus(Path(urlsplit(url).path))
    raise Misconfigured("GUARDIAN_BUS__URL: expected log:///folder.")


def restore_store(settings: Settings, source: Path) -> None:
    """Put the store of a backup where it belongs. Raises Misconfigured or Unavailable."""
    restore(source, _store_folder(settings.storage.url, settings.data_dir))


def _store(url: str, folder: Path) -> Store:
    return SqliteStore(_store_folder(url, folder))


def _store_folder(url: str, folder: Path) -> Path:
    if not url:
        return folder
    if urlsplit(url).scheme == "sqlite":
        return Path(urlsplit(url).path)
    raise Misconfigured("GUARDIAN_STORAGE__URL: expected sqlite:///folder.")
