"""The one sentence at the top: what is wrong, in numbers, or that all is calm."""

from collections.abc import Sequence

import msgspec

from guardian.console.formats import Formats
from guardian.console.picture import LEVEL_MARKS, Picture, inside
from guardian.console.retold import retold
from guardian.domain.alert import Alert
from guardian.domain.anomaly import WHOLE_SYSTEM, Anomaly
from guardian.domain.incident import Incident
from guardian.domain.verdict import AlertLevel
from guardian.watching.reasons import told

# Below this an expected rate gives no ratio worth saying
LEAST_EXPECTED = 0.5
MOST_NAMED = 3


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
    """Worst first: an incident, an anomaly, nothing known, an old picture, still learning, calm."""
    if picture.worst is not None:
        return _of_incident(picture, picture.worst, formats)
    if picture.anomalies:
        return _of_anomaly(picture, formats)
    words = formats.language
    if picture.event_ms is None:
        head = words.word("calm.nothing")
        return Sentence("", head, words.word("calm.nothing_why"), head)
    if picture.stale:
        return of_age(picture, formats)
    if not picture.learnt or (WHOLE_SYSTEM in picture.points and WHOLE_SYSTEM not in picture.learnt):
        count = len(picture.points)
        head = words.plural("learning", count, formats.number(count))
        head = head if picture.points else words.word("learning.first")
        return Sentence("learn", head, words.word("learning.why"), words.word("learning.brief"))
    return _of_calm(picture, formats)


def of_age(picture: Picture, formats: Formats) -> Sentence:
    """Why the picture is old: much waits to be judged, or nothing comes."""
    words, span = formats.language, formats.span(picture.age_ms or 0)
    if picture.waiting:
        head = words.plural("catching", picture.waiting, formats.number(picture.waiting))
        detail = words.say("catching.why", span=span)
        return Sentence("run", head, detail, words.word("catching.brief"))
    head = words.say("stale.head", span=span)
    return Sentence("warn", head, words.say("stale.why", at=formats.clock(picture.event_ms)), head)


def _of_calm(picture: Picture, formats: Formats) -> Sentence:
    """How many series keep their range; one outside for a minute is named, not called unusual."""
    words, count, strangers = formats.language, len(picture.learnt), picture.outside()
    learning = len(picture.points) - count
    if strangers:
        numbers = {"n": formats.number(count - len(strangers)), "all": formats.number(count)}
        head = words.say("calm.most", **numbers)
    else:
        head = words.plural("calm.head", count, formats.number(count))
    detail = [words.say("calm.why", minute=formats.clock(picture.judged_ms))]
    if strangers:
        detail.append(words.say("calm.outside", names=_names(strangers, formats)))
    if learning:
        detail.append(words.plural("calm.learning", learning, formats.number(learning)))
    return Sentence("", head, " ".join(detail), words.word("calm.brief"))


def _of_incident(picture: Picture, incident: Incident, formats: Formats) -> Sentence:
    words = formats.language
    alert = picture.worst_alert
    head = retold(incident.title, formats) if alert is None else now_of(picture, alert, formats)
    if len(picture.incidents) > 1:
        head = words.say("sentence.worst", n=formats.number(len(picture.incidents)), what=head)
    span = formats.span(picture.now_ms - incident.onset_ms)
    parts = [words.say("sentence.since", at=formats.clock(incident.onset_ms), span=span)]
    parts += [_carried(picture, alert, formats), _owner(incident, formats)]
    parts += [_back(picture, alert, formats), _rest(picture, formats)]
    return Sentence(
        mark=picture.mark,
        head=head,
        detail=" ".join(part for part in parts if part),
        brief=words.say("sentence.brief", priority=incident.priority, span=span),
        priority=incident.priority,
        href=f"/console/incidents/{incident.incident_id}",
        action=words.say("sentence.open", id=incident.incident_id),
    )


def _carried(picture: Picture, found: Alert | Anomaly | None, formats: Formats) -> str:
    """What carries the change of the newest anomaly of that series, and the money."""
    open_ones = [one for one in picture.anomalies if found and one.series == found.series and one.cause]
    newest = max(open_ones, key=lambda one: one.minute_ms, default=None)
    sentences = told(newest.cause) if newest and newest.cause else ()
    return " ".join(retold(one, formats) for one in sentences)


def _owner(incident: Incident, formats: Formats) -> str:
    words = formats.language
    if incident.acknowledged_ms is None:
        return words.word("sentence.nobody")
    who = incident.owner or words.word("someone")
    return words.say("sentence.acknowledged", who=who, at=formats.clock(incident.acknowledged_ms))


def _rest(picture: Picture, formats: Formats) -> str:
    """What else is outside; that all else is in range only where that is so."""
    words, alert = formats.language, picture.worst_alert
    named = alert.series if alert else ""
    unusual = [one.series for one in picture.anomalies if one.series != named]
    strangers = list(dict.fromkeys([*unusual, *(name for name in picture.outside() if name != named)]))
    if picture.stale:
        return ""
    if strangers:
        return words.say("sentence.also", names=_names(strangers, formats))
    return words.word("sentence.rest") if len(picture.incidents) == 1 else ""


def _names(series: Sequence[str], formats: Formats) -> str:
    """A few names, and how many more."""
    words = formats.language
    named = ", ".join(map(words.status, series[:MOST_NAMED]))
    more = len(series) - MOST_NAMED
    return words.say("told.more", told=named, count=formats.number(more)) if more > 0 else named


def _of_anomaly(picture: Picture, formats: Formats) -> Sentence:
    words = formats.language
    order = list(LEVEL_MARKS)
    worst = min(picture.anomalies, key=lambda one: (order.index(one.level), one.start_ms))
    head = now_of(picture, worst, formats)
    if len(picture.anomalies) > 1:
        head = words.say("sentence.series", n=formats.number(len(picture.anomalies)), what=head)
    span = formats.span(picture.now_ms - worst.start_ms)
    since = words.say("sentence.since", at=formats.clock(worst.start_ms), span=span)
    paged = words.word("sentence.paged" if worst.paged else "sentence.not_paged")
    carried = _carried(picture, worst, formats)
    brief = words.plural("sentence.outside", len(picture.anomalies), formats.number(len(picture.anomalies)))
    return Sentence(
        mark=picture.mark or LEVEL_MARKS[AlertLevel.WARNING],
        head=head,
        detail=" ".join(part for part in (since, carried, paged, _back(picture, worst, formats)) if part),
        brief=brief,
        href=f"/console/anomalies/{worst.anomaly_id}",
        action=words.word("sentence.look"),
    )


def _back(picture: Picture, found: Alert | Anomaly | None, formats: Formats) -> str:
    """That the newest minute is in range again, although it is not over yet."""
    point = picture.learnt.get(found.series) if found and not picture.stale else None
    return formats.language.word("sentence.back") if point and inside(point) else ""


def now_of(picture: Picture, found: Alert | Anomaly, formats: Formats) -> str:
    """How it stands in the newest minute while that is outside, else how it was raised."""
    point = None if picture.stale else picture.learnt.get(found.series)
    if point is None or inside(point):
        return compare(found.series, found.observed, found.expected, formats)
    return compare(found.series, point.observed, point.expected, formats)


def compare(series: str, observed: float, expected: float, formats: Formats) -> str:
    """Observed against expected: 2.3 times the usual, 40 % below the usual, or both numbers."""
    words = formats.language
    what = words.capital(series)
    if observed == 0:
        return words.say("compare.none", what=what, expected=formats.short(expected))
    if expected < LEAST_EXPECTED:
        return words.say("compare.new", what=what, observed=formats.short(observed))
    ratio = observed / expected
    if ratio >= 1.5:
        times = formats.short(round(ratio, 1 if ratio < 10 else 0))
        return words.say("compare.times", what=what, times=times)
    key = "compare.above" if ratio >= 1 else "compare.below"
    return words.say(key, what=what, share=formats.number(abs(ratio - 1) * 100))
