"""A night at the console: calm, an incident that appears by itself, a person who takes it on."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from guardian.domain.clock import DAY_MS
from guardian.domain.drill import Drill, Practised
from guardian.learning.drill import caught
from guardian.watching.cases import Cases
from guardian.watching.drills import drill_collection

if TYPE_CHECKING:
    from tests.browser.conftest import Running

pytestmark = pytest.mark.browser
PHONE = {"viewport": {"width": 390, "height": 844}}
PAGES = (
    "/console/overview",
    "/console/anomalies",
    "/console/alerts",
    "/console/incidents",
    "/console/transactions",
    "/console/quality",
    "/console/minutes",
)
# How much of the lane's canvas is painted in each of these inks
INKS = """box => {
  const ctx = box.querySelector('canvas').getContext('2d'), canvas = ctx.canvas;
  const data = ctx.getImageData(0, 0, canvas.width, canvas.height).data, found = {};
  const probe = document.createElement('i'); document.body.append(probe);
  for (const kind of ['ink', 'band']) {
    probe.style.color = `var(--${kind})`;
    const [r, g, b] = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
    let n = 0;
    for (let at = 0; at < data.length; at += 4)
      if (Math.abs(data[at] - r) + Math.abs(data[at + 1] - g) + Math.abs(data[at + 2] - b) < 24) n += 1;
    found[kind] = n;
  }
  probe.remove();
  return found;
}"""

# How many pixels carry the band at half its strength, before and after the third quarter of the lane
FAINT = """box => {
  const ctx = box.querySelector('canvas').getContext('2d'), { width, height } = ctx.canvas;
  const data = ctx.getImageData(0, 0, width, height).data, found = { before: 0, after: 0 };
  for (let at = 3; at < data.length; at += 4)
    if (Math.abs(data[at] - 128) < 4) found[(at >> 2) % width < 0.7 * width ? 'before' : 'after'] += 1;
  return found;
}"""


def lanes_drawn(page: Any) -> None:
    page.wait_for_selector('.lanes[data-drawn]:not([data-drawn="0"])')
    page.locator(".axis text").nth(2).wait_for()


def heading(page: Any) -> str:
    return str(page.inner_text("[data-say]"))


def test_a_night_from_calm_over_an_incident_to_its_acknowledgement(
    guardian: "Running", visit: Callable[..., Any]
) -> None:
    page = visit()
    lanes_drawn(page)
    if not guardian.ask("GET", "/incidents").json()["items"]:
        assert re.fullmatch(r"All calm: (all \d+|\d+ of \d+) series are in range", heading(page))
    labels = page.locator(".lane .lh b").all_inner_texts()
    assert labels[:4] == ["Approved", "Denied", "Failed", "Reversed"]
    inks = page.locator('[data-lane="approved"]').evaluate(INKS)
    assert inks["ink"] > 300, "the observed line is hidden"
    assert inks["band"] > 10_000
    page.evaluate("window.stayed = true")

    incident_id = guardian.incident()
    page.wait_for_selector(f'.sentence a[href="/console/incidents/{incident_id}"]')
    assert page.evaluate("window.stayed"), "the page was loaded again"
    assert "Nobody has acknowledged it yet." in page.inner_text(".sentence p")
    assert page.locator("#recent tbody tr").count() >= 1
    assert page.inner_text("#n-incidents").strip() == "1"
    page.wait_for_selector("#lanes .lane.crit, #lanes .lane.warn")

    page.keyboard.press("Enter")
    page.wait_for_url(f"**/console/incidents/{incident_id}")
    lanes_drawn(page)
    assert "Detected" in page.inner_text("#inc-story")
    other = visit(f"/console/incidents/{incident_id}", "viewer")
    assert "Owner: nobody yet" in other.inner_text("#inc-head")
    page.keyboard.press("a")
    page.wait_for_selector(".toast")
    assert page.inner_text(".toast").strip() == "Acknowledged"
    assert "done=" not in page.url
    assert "Owner: a-analyst" in page.inner_text("#inc-head")
    assert page.locator("[data-key-press=a]").count() == 0
    other.locator("#inc-head", has_text="Owner: a-analyst").wait_for()
    written = guardian.parts.store.audit.read()[-1]
    assert (written.actor, written.action, written.target) == (
        "a-analyst",
        "incident acknowledge",
        incident_id,
    )


def test_a_row_does_not_move_while_the_pointer_is_on_it(
    guardian: "Running", visit: Callable[..., Any]
) -> None:
    guardian.incident()
    page = visit()
    page.hover("#recent tbody tr")
    page.evaluate("document.querySelector('#recent td').dataset.untouched = 'yes'")
    guardian.minute({"approved": 12, "denied": 90})
    page.locator('[data-lane="approved"] .v', has_text="12").wait_for()
    assert page.locator("#recent td[data-untouched]").count() == 1
    page.mouse.move(2, 300)
    page.wait_for_selector("#recent td[data-untouched]", state="detached")


def test_the_keyboard_leads_everywhere(guardian: "Running", visit: Callable[..., Any]) -> None:
    incident_id = guardian.incident()
    page = visit()
    for key, path in (
        ("a", "anomalies"),
        ("l", "alerts"),
        ("x", "transactions"),
        ("o", "overview"),
        ("i", "incidents"),
    ):
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(f"**/console/{path}")
    page.keyboard.press("j")
    assert page.locator('tr[aria-selected="true"]').count() == 1
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/console/incidents/{incident_id}")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("alerts")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/alerts")
    page.keyboard.press("Control+k")
    page.keyboard.type("522876")
    assert page.inner_text("#palette a.cur").split() == ["Transactions", "of", "the", "BIN", "522876"]
    page.keyboard.press("Escape")
    assert not page.locator("#palette").is_visible()
    page.wait_for_function("!document.activeElement.closest('dialog')")  # it leaves with the next frame
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "state"
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_chart_is_read_with_the_arrows_and_as_a_table(visit: Callable[..., Any]) -> None:
    page = visit()
    lanes_drawn(page)
    page.focus("[data-chart]")
    page.keyboard.press("ArrowLeft")
    page.locator("[data-readout]", has_text="Approved").wait_for()
    page.keyboard.press("Shift+T")
    page.wait_for_selector("#lane-table tbody tr")
    page.click('.seg a[data-hours="1"]')
    page.wait_for_url("**?hours=1")
    assert page.get_attribute("#as-table", "href") == "/console/minutes?hours=1"


def test_the_hours_to_come_are_drawn_lighter_after_now_and_read_with_the_arrows(
    visit: Callable[..., Any],
) -> None:
    page = visit()
    lanes_drawn(page)
    assert "forecast until" in page.inner_text("[data-readout]")
    assert "forecast" in page.locator(".axis text").all_text_contents()
    painted = page.locator('[data-lane="approved"]').evaluate(FAINT)
    assert painted["after"] > 5_000, "no forecast is painted after now"
    assert painted["before"] < painted["after"] / 10
    page.focus("[data-chart]")
    page.keyboard.press("ArrowRight")
    page.locator("[data-readout]", has_text=re.compile(r"^\d\d:\d\d, forecast  ")).wait_for()
    assert re.search(r"Approved \d+ \(\d+–\d+\)", page.inner_text("[data-readout]"))
    page.keyboard.press("ArrowLeft")
    page.locator("[data-readout]", has_text="forecast").wait_for(state="detached")
    page.keyboard.press("Shift+T")
    page.wait_for_selector("#lane-table .coming tr")


def test_language_and_theme_are_chosen_and_kept(visit: Callable[..., Any]) -> None:
    page = visit()
    page.click('a[hreflang="pt-BR"]')
    page.wait_for_selector('html[lang="pt-BR"]')
    assert page.inner_text(".rail a[aria-current]").split()[0] == "Visão"
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("t")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    page.reload()
    assert page.get_attribute("html", "data-theme") == "light"
    assert page.get_attribute("html", "lang") == "pt-BR"


def test_on_a_phone_nothing_is_wider_than_the_screen_in_the_longer_language(
    guardian: "Running", visit: Callable[..., Any]
) -> None:
    incident_id = guardian.incident()
    anomaly_id = guardian.ask("GET", "/anomalies").json()["items"][0]["id"]
    page = visit(**PHONE, locale="pt-BR")
    for path in (*PAGES, f"/console/incidents/{incident_id}", f"/console/anomalies/{anomaly_id}"):
        page.goto(guardian.url + path)
        assert page.get_attribute("html", "lang") == "pt-BR"
        assert page.evaluate("document.documentElement.scrollWidth") == 390, path
        small = page.eval_on_selector_all(
            "main .btn, .tabs-phone a, .top .btn",
            "all => all.filter(one => one.offsetParent && one.offsetHeight < 36).map(one => one.outerHTML)",
        )
        assert small == [], path


def test_what_a_person_confirms_is_tried_again_in_the_next_drill(
    guardian: "Running", visit: Callable[..., Any]
) -> None:
    guardian.incident()
    anomaly = next(one for one in guardian.ask("GET", "/anomalies").json()["items"] if one["paged"])
    page = visit(f"/console/anomalies/{anomaly['id']}")
    page.keyboard.press("c")
    page.wait_for_selector(".toast")
    store, now_ms = guardian.parts.store, guardian.clock.now_ms()
    cases = Cases(store.minutes, store.records, guardian.clock).all()
    assert [case.case_id for case in cases] == [anomaly["id"]]
    found = (Practised("outage_total", 1.0, "", 24, 24, 0.0), Practised("slow_drift", 0.3, "", 24, 4, 200.0))
    drill_collection(store.records).insert(
        Drill(now_ms, now_ms - DAY_MS, now_ms, 0, found, tuple(caught(cases, 0.0)))
    )
    page.goto(f"{guardian.url}/console/quality")
    assert "passed" in page.inner_text("#drill header")
    paint = "cell => getComputedStyle(cell).backgroundColor"
    assert page.locator("#drill .h3").evaluate(paint) != page.locator("#drill .h0").evaluate(paint)
    assert re.search(r"\d+ min", page.inner_text("#drill tbody tr:last-child td.num"))
    page.click("#drill td a")
    page.wait_for_url(f"**/console/anomalies/{anomaly['id']}")
    phone = visit("/console/quality", **PHONE, locale="pt-BR")
    assert phone.evaluate("document.documentElement.scrollWidth") == 390


def test_a_viewer_sees_no_buttons(guardian: "Running", visit: Callable[..., Any]) -> None:
    page = visit(f"/console/incidents/{guardian.incident()}", "viewer")
    assert page.locator("main form").count() == 0
    assert "for analysts" in page.inner_text("#inc-acts")


def test_the_door_asks_for_a_login_and_says_what_was_wrong(
    guardian: "Running", visit: Callable[..., Any]
) -> None:
    page = visit("/console/alerts", role=None)
    assert page.url.endswith("/login?next=/console/alerts")
    page.fill("[name=username]", "marina")
    page.fill("[name=password]", "not her password")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=alert]")
    assert "do not match" in page.inner_text("[role=alert]")
    link = guardian.link()
    page.goto(link)
    page.wait_for_url("**/console/overview")
    page.click(".who button")
    page.wait_for_url("**/login")
    page.goto(link)
    assert "has been used" in page.inner_text("[role=alert]")


def test_what_came_from_outside_is_text(guardian: "Running", visit: Callable[..., Any]) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    sent = {
        "status": "denied",
        "amount": "10",
        "merchant_id": hostile,
        "transaction_id": "a/b'<i>",
        "source": "shop",
    }
    assert guardian.ask("POST", "/transaction", json=sent).status_code == 202
    page = visit("/console/transactions?source=shop&span=all")
    while not page.locator("tbody tr").count():
        page.reload()
    assert hostile in page.inner_text("tbody")
    page.click("tbody a.ttl")
    page.wait_for_selector("#tx-id")
    assert page.inner_text("#tx-id") == "a/b'<i>"
    assert page.locator("main img").count() == 0


def test_a_page_that_lost_its_server_does_not_look_live(
    guardian: "Running", visit: Callable[..., Any]
) -> None:
    page = visit(tolerates="[object Event]")  # the extension writes a lost connection to the console
    lanes_drawn(page)
    guardian.door.stream.closing = True
    page.evaluate("Date.now = (now => () => now() + 25000)(Date.now)")
    page.wait_for_selector("#lost", state="visible")
    assert re.search(r"What you see is from \d\d:\d\d:\d\d\.", page.inner_text("#lost"))
    assert page.evaluate("document.body.classList.contains('lost')")
    guardian.door.stream.closing = False
    page.wait_for_selector("#lost", state="hidden")
