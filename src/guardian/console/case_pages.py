"""Cases: the queue beside one case with its transactions and its story, and what people do with it."""

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from guardian.cases.lifecycle import OPEN_STATES
from guardian.cases.shelf import SHOWN, Opened
from guardian.console.desk import Desk, Reader
from guardian.console.watch_pages import LEVELS
from guardian.domain.case import Case, CaseState, Disposition
from guardian.domain.errors import Invalid
from guardian.domain.verdict import LEVELS as EVERY_LEVEL
from guardian.storage.base import Page, RecordQuery

PER_PAGE: Final = 50
QUEUE, MINE, CLOSED = SHOWS = ("queue", "mine", "closed")
STATES: Final = {
    QUEUE: tuple(map(str, OPEN_STATES)),
    CLOSED: (str(CaseState.CLOSING), str(CaseState.CLOSED)),
}
DISPOSITIONS: Final = tuple(map(str, Disposition))
LONGEST_NOTE: Final = 2_000


def register(router: APIRouter, desk: Desk) -> None:
    """The pages and deeds of cases."""
    view = desk.view

    def cases(reader: Reader) -> Response:
        return desk.page(reader, "cases.html", **queue_facts(desk, reader), opened=None)

    def case(reader: Reader) -> Response:
        opened = view.shelf.open(reader.named("case_id"))
        facts = queue_facts(desk, reader) | case_facts(opened)
        return desk.page(reader, "cases.html", **facts, opened=opened)

    for path, handler in (("/console/cases", cases), ("/console/cases/{case_id}", case)):
        router.add_api_route(path, desk.reading(handler), methods=["GET"], response_model=None)

    def close(case_id: str, reader: Reader) -> None:
        view.cases.close(case_id, reader.principal.subject, *decided(reader))

    def note(case_id: str, reader: Reader) -> None:
        view.cases.note(case_id, reader.principal.subject, reader.sent("text", 2 * LONGEST_NOTE))

    deeds: tuple[tuple[str, str, Callable[[str, Reader], object]], ...] = (
        ("claim", "claimed", lambda name, reader: view.cases.claim(name, reader.principal.subject)),
        ("release", "released", lambda name, reader: view.cases.release(name, reader.principal.subject)),
        ("note", "noted", note),
        ("close", "closed", close),
    )
    for name, done, act in deeds:
        path = f"/console/cases/{{case_id}}/{name}"
        router.add_api_route(path, desk.doing(_deed(act, done)), methods=["POST"], response_model=None)


def _deed(act: Callable[[str, Reader], object], done: str) -> Callable[[Reader], Response]:
    def deed(reader: Reader) -> Response:
        case_id = reader.named("case_id")
        act(case_id, reader)
        return RedirectResponse(f"/console/cases/{case_id}?done={done}", status_code=303)

    return deed


def decided(reader: Reader) -> tuple[Disposition, int | None]:
    """What the form says, and of how many transactions. Raises Invalid."""
    disposition, seen = reader.sent("disposition"), reader.sent("seen", 12)
    if disposition not in DISPOSITIONS or not (seen.isascii() and seen.isdecimal()):
        raise Invalid("The form does not say what it was.")
    return Disposition(disposition), int(seen)


def queue_facts(desk: Desk, reader: Reader) -> dict[str, object]:
    """The list, by `show` and `level`; the worst are on its first page, however many others there are."""
    show = asked if (asked := reader.asked("show")) in SHOWS else QUEUE
    level = asked if (asked := reader.asked("level")) in LEVELS else ""
    cursor = reader.asked("cursor", 200) or None
    query = older = f"show={show}" + (f"&level={level}" if level else "")
    if show == MINE:
        mine = sorted(desk.view.shelf.mine(reader.principal.subject), key=_urgency)
        page = Page(mine, None)
    elif level or cursor or show == CLOSED:
        page = _page(desk, show, level, cursor)
    else:
        worst, rest = (_page(desk, show, one, None) for one in LEVELS)
        page, older = Page([*worst.items, *rest.items], rest.next_cursor), f"{query}&level={LEVELS[1]}"
    facts = {"page": page, "show": show, "shows": SHOWS, "level": level, "levels": LEVELS}
    return facts | {"query": query, "older_query": older}


def _page(desk: Desk, show: str, level: str, cursor: str | None) -> Page[Case]:
    levels = (level,) if level else ()
    query = RecordQuery("", states=STATES[show], levels=levels, limit=PER_PAGE, cursor=cursor)
    return desk.view.shelf.page(query)


def _urgency(case: Case) -> tuple[int, int]:
    """Worst first, then newest first."""
    return -EVERY_LEVEL.index(case.level), -case.last_ms


def case_facts(opened: Opened) -> dict[str, object]:
    """One case with what its page needs."""
    case = opened.case
    return {
        "is_open": case.state in OPEN_STATES,
        "story": case.story[::-1],
        "dispositions": DISPOSITIONS,
        "levels_of": EVERY_LEVEL,
        "longest_note": LONGEST_NOTE,
        "most_shown": SHOWN,
    }
