"""The one sentence at the top: what is wrong, in numbers, or that all is calm."""

import msgspec

from guardian.console.formats import Formats
from guardian.console.picture import LEVEL_MARKS, Picture
from guardian.domain.alert import Alert
from guardian.domain.anomaly import Anomaly
from guardian.domain.incident import Incident
from guardian.domain.verdict import AlertLevel

# Below this an expected rate gives no ratio worth saying
LEAST_EXPECTED = 0.5


class Sentence(msgspec.Struct, frozen=True):
    """What is said, how loudly, and where its one action leads (empty when there is none)."""

    mark: str
    head: str
    detail: str
    brief: str
    priority: str = ""
    href: str = ""
    action: str = ""


def compose(picture: Picture, formats: Formats) -> Sentence:
    """Worst first: an incident, an anomaly, nothing known, still learning, calm."""
    if picture.worst is not None:
        return _of_incident(picture, picture.worst, formats)
    if picture.anomalies:
        return _of_anomaly(picture, formats)
    words = formats.language
    if picture.event_ms is None:
        head = words.word("calm.nothing")
        return Sentence("", head, words.word("calm.nothing_why"), head)
    if picture.stale:
        head = words.say("stale.head", span=formats.span(picture.lag_ms or 0))
        return Sentence("warn", head, words.word("stale.why"), head)
    if picture.learning or not picture.points:
        head = words.plural("learning", picture.learning, formats.number(picture.learning))
        head = head if picture.points else words.word("learning.first")
        return Sentence("learn", head, words.word("learning.why"), words.word("learning.brief"))
    count = len(picture.points)
    head = words.plural("calm.head", count, formats.number(count))
    minute = formats.clock(picture.judged_ms)
    return Sentence("", head, words.say("calm.why", minute=minute), words.word("calm.brief"))


def _of_incident(picture: Picture, incident: Incident, formats: Formats) -> Sentence:
    words = formats.language
    alert = picture.worst_alert
    head = incident.title if alert is None else compare(alert, formats)
    if len(picture.incidents) > 1:
        head = words.say("sentence.worst", n=formats.number(len(picture.incidents)), what=head)
    span = formats.span(picture.now_ms - incident.onset_ms)
    parts = [words.say("sentence.since", at=formats.clock(incident.onset_ms), span=span)]
    parts.append(_owner(incident, formats))
    if not _others(picture, incident):
        parts.append(words.word("sentence.rest"))
    return Sentence(
        mark=picture.mark,
        head=head,
        detail=" ".join(parts),
        brief=words.say("sentence.brief", priority=incident.priority, span=span),
        priority=incident.priority,
        href=f"/console/incidents/{incident.incident_id}",
        action=words.say("sentence.open", id=incident.incident_id),
    )


def _owner(incident: Incident, formats: Formats) -> str:
    words = formats.language
    if incident.acknowledged_ms is None:
        return words.word("sentence.nobody")
    who = incident.owner or words.word("someone")
    return words.say("sentence.acknowledged", who=who, at=formats.clock(incident.acknowledged_ms))


def _others(picture: Picture, incident: Incident) -> bool:
    """Something else is wrong beside the incident."""
    known = set(picture.worst_alert.anomaly_ids) if picture.worst_alert else set()
    strangers = [one for one in picture.anomalies if one.anomaly_id not in known]
    return len(picture.incidents) > 1 or len(incident.alert_ids) > 1 or bool(strangers)


def _of_anomaly(picture: Picture, formats: Formats) -> Sentence:
    words = formats.language
    order = list(LEVEL_MARKS)
    worst = min(picture.anomalies, key=lambda one: (order.index(one.level), one.start_ms))
    head = compare(worst, formats)
    if len(picture.anomalies) > 1:
        head = words.say("sentence.series", n=formats.number(len(picture.anomalies)), what=head)
    span = formats.span(picture.now_ms - worst.start_ms)
    since = words.say("sentence.since", at=formats.clock(worst.start_ms), span=span)
    paged = words.word("sentence.paged" if worst.paged else "sentence.not_paged")
    brief = words.plural("sentence.outside", len(picture.anomalies), formats.number(len(picture.anomalies)))
    return Sentence(
        mark=picture.mark or LEVEL_MARKS[AlertLevel.WARNING],
        head=head,
        detail=f"{since} {paged}",
        brief=brief,
        href=f"/console/anomalies/{worst.anomaly_id}",
        action=words.word("sentence.look"),
    )


def compare(found: Alert | Anomaly, formats: Formats) -> str:
    """Observed against expected: 2.3 times the usual, 40 % below the usual, or both numbers."""
    words = formats.language
    what = words.capital(found.series)
    if found.observed == 0:
        return words.say("compare.none", what=what, expected=formats.short(found.expected))
    if found.expected < LEAST_EXPECTED:
        return words.say("compare.new", what=what, observed=formats.short(found.observed))
    ratio = found.observed / found.expected
    if ratio >= 1.5:
        return words.say("compare.times", what=what, times=formats.number(ratio, 1 if ratio < 10 else 0))
    key = "compare.above" if ratio >= 1 else "compare.below"
    return words.say(key, what=what, share=formats.number(abs(ratio - 1) * 100))
