"""What is wrong with an installation, and what to do about each thing."""

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx2
import msgspec

from guardian.alerting.targets import target
from guardian.bootstrap import build
from guardian.bus.base import TOPICS, Message, dead_letters_of
from guardian.domain.audit import GENESIS, chain_digest
from guardian.domain.clock import MINUTE_MS
from guardian.domain.errors import GuardianError, Unavailable
from guardian.entrypoints.client import local_access
from guardian.pipeline import Parts
from guardian.settings import Settings
from guardian.storage.base import AuditLog

CHECK_TOPIC = "guardian.check.v1"
FREE_MB = 200
TIMEOUT_S = 5.0
AHEAD_MS = 5 * MINUTE_MS
EARLIEST_MS = 1_735_689_600_000
"""2025 began; no clock that is right shows less."""


class Examination(msgspec.Struct):
    """Findings need somebody to act; notes are for knowing."""

    findings: list[str] = msgspec.field(default_factory=list)
    notes: list[str] = msgspec.field(default_factory=list)


def examine(settings: Settings) -> Examination:
    """Look at every dependency that is configured."""
    seen = Examination()
    try:
        parts = build(settings, "doctor")
    except GuardianError as error:
        seen.findings.append(str(error))
        return seen
    try:
        for check in (_store, _log, _disk, _model, _audit, _clock, _key):
            _gather(check(parts), seen.findings)
        _gather(_webhook(settings, seen.notes), seen.findings)
        _gather(_running(parts.folder, seen.notes), seen.findings)
    finally:
        parts.bus.close()
        parts.store.close()
    return seen


def chain_is_whole(audit: AuditLog) -> bool:
    """Whether every entry of the audit log covers the one before."""
    previous, expected = GENESIS, 1
    while entries := audit.read(after=expected - 1):
        for one in entries:
            facts = (one.sequence, one.at_ms, one.actor, one.action, one.target)
            if one.sequence != expected or chain_digest(previous, facts, one.detail) != one.digest:
                return False
            previous, expected = one.digest, expected + 1
    return True


def _gather(found: Iterator[str], findings: list[str]) -> None:
    """What a check finds; one that fails is a finding itself."""
    try:
        findings.extend(found)
    except (GuardianError, OSError) as error:
        findings.append(str(error))


def _store(parts: Parts) -> Iterator[str]:
    for found in parts.store.check():
        yield f"{found}. Stop Guardian and restore a backup: guardian restore"


def _log(parts: Parts) -> Iterator[str]:
    """Write a record to the disk as one of a caller would be."""
    try:
        parts.bus.publish(CHECK_TOPIC, [Message("", b"doctor")])
    except Unavailable as error:
        yield f"{error} Ingest answers 503; mend the disk or the rights of the folder bus."
    waiting = 0
    for topic in TOPICS:
        reader = parts.bus.subscribe(dead_letters_of(topic), "replay")
        waiting += reader.lag()
        reader.close()
    if waiting:
        yield f"{waiting} records are parked as dead letters. Look at them: guardian dlq list"


def _disk(parts: Parts) -> Iterator[str]:
    if shutil.disk_usage(parts.folder).free < FREE_MB << 20:
        yield f"Less than {FREE_MB} MB of disk are free; ingest will answer 503. Free some space."


def _model(parts: Parts) -> Iterator[str]:
    version = parts.registry.champion()
    if version is None:
        return
    try:
        parts.registry.load(version)
    except GuardianError as error:
        yield f"Model {version}: {error} Rules and z-score judge alone; remove its file, a new one is fitted."


def _audit(parts: Parts) -> Iterator[str]:
    if not chain_is_whole(parts.store.audit):
        yield "The audit log has been changed; find out by whom, and compare it with a backup."


def _clock(parts: Parts) -> Iterator[str]:
    """A clock that went back lets tokens live longer and events lie in the future."""
    now_ms = parts.clock.now_ms()
    newest = max((one.received_ms for one in parts.store.minutes.progress()), default=0)
    if now_ms < EARLIEST_MS or newest > now_ms + AHEAD_MS:
        yield "The clock of this machine is behind. Set it, and keep it by NTP."


def _key(parts: Parts) -> Iterator[str]:
    path = parts.folder / "keys" / "signing.pem"
    if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield f"Others may read the signing key. Close it: chmod 600 {path}"


def _webhook(settings: Settings, notes: list[str]) -> Iterator[str]:
    if not settings.alerting.webhook_url:
        notes.append("Nobody is told of incidents: set GUARDIAN_ALERTING__WEBHOOK_URL and its secret.")
        return
    target(settings.alerting.webhook_url)
    yield from ()


def _running(folder: Path, notes: list[str]) -> Iterator[str]:
    """Whether `up` runs and says that it is ready."""
    try:
        access = local_access(folder)
    except Unavailable as error:
        notes.append(str(error))
        return
    try:
        answer = httpx2.get(f"{access.url}/ready", timeout=TIMEOUT_S, trust_env=False)
        problems = [] if answer.is_success else list(answer.json()["problems"])
    except (httpx2.HTTPError, ValueError, KeyError):
        yield f"Guardian does not answer at {access.url}. Start it again: guardian up"
        return
    for problem in problems:
        yield f"Guardian is not ready: {problem}"
