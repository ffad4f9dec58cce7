"""Two people and a stolen card: one takes the case, the other sees it, and what it was becomes a label."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from guardian.domain.clock import iso
from tests.browser.conftest import PATIENCE_S, START_MS, Running, until

pytestmark = pytest.mark.browser
PHONE = {"viewport": {"width": 390, "height": 844}}
HOSTILE = "<img src=x onerror=alert(1)>"
DENIALS = 9


class Selling(Running):
    """A system that is sent transactions, and remembers nothing from before."""

    def _remember_two_days(self) -> None:
        """There is no history."""

    def _all_judged(self) -> bool:
        return True

    def attack(self, card: str, merchant: str) -> str:
        """A card is tried again and again; the id of its case."""
        rows = [
            {
                "transaction_id": f"{card}-{n}", "merchant_id": merchant, "status": "denied",
                "amount": "1.00", "card_token": card, "card_bin": "516220", "auth_code": "14",
                "acquirer": "acq_a", "merchant_type": "cinema", "timestamp": iso(START_MS - 1_000 * n),
            }
            for n in range(DENIALS)
        ]  # fmt: skip
        assert self.ask("POST", "/transactions/batch", json={"transactions": rows}).status_code == 202
        found: list[str] = []

        def opened() -> bool:
            items = self.ask("GET", "/cases").json()["items"]
            found[:] = [one["id"] for one in items if one["group"]["value"] == card]
            return bool(found)

        until(opened, "the case opens")
        return found[0]


@pytest.fixture(scope="module")
def guardian(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Selling]:
    running = Selling(tmp_path_factory.mktemp("selling"))
    yield running
    running.close()


def said(page: Any, text: str) -> None:
    page.get_by_text(text).first.wait_for(timeout=PATIENCE_S * 1000)


def test_a_case_from_its_queue_to_a_label_by_two_people(guardian: Selling, visit: Callable[..., Any]) -> None:
    case_id = guardian.attack("card-one", "cine")
    ana = visit("/console/cases")
    assert ana.locator("#n-cases").inner_text() == "1"
    ana.keyboard.press("j")
    ana.keyboard.press("Enter")
    ana.wait_for_url(f"**/console/cases/{case_id}?**")
    bia = visit(f"/console/cases/{case_id}", "operator")
    ana.keyboard.press("m")
    said(ana, "a-analyst")
    bia.reload()
    assert "a-analyst has it" in bia.locator("#case-acts").inner_text()
    assert bia.locator('button[data-open="decide"]').count() == 0

    ana.keyboard.press("n")
    ana.locator("dialog#note textarea").fill(HOSTILE)
    ana.locator("dialog#note .pri-act").click()
    said(ana, "Noted")
    assert ana.locator("#case-story").inner_text().count(HOSTILE) == 1
    assert ana.locator("#case-story img").count() == 0

    ana.keyboard.press("d")
    ana.locator('dialog#decide button[value="fraud"]').click()
    said(ana, "Labels kept")
    bia.reload()
    assert "closed: fraud" in bia.locator("#case-head").inner_text()
    assert bia.locator("#n-cases").inner_text() == ""

    bia.locator("#case-members a").first.click()
    said(bia, "Stands: fraud")
    assert case_id in bia.locator(".crumb").inner_text()
    bia.keyboard.press("f")
    said(bia, "Stands: not fraud")
    assert bia.locator('button[value="false"]').get_attribute("aria-pressed") == "true"

    bia.goto(f"{guardian.url}/console/quality")
    row = bia.locator("#verdicts tr", has_text="repeated_denials_card").inner_text()
    flagged = guardian.ask("GET", f"/cases/{case_id}").json()["transactions"]
    assert f"{flagged - 1}/{flagged}" in row, "all but one were fraud"


@pytest.mark.parametrize("lang", ["en", "pt-BR"])
@pytest.mark.parametrize("size", [{}, PHONE], ids=["desk", "phone"])
def test_pages_of_cases_fit_the_screen(
    guardian: Selling, visit: Callable[..., Any], lang: str, size: dict[str, Any]
) -> None:
    case_id = guardian.attack(f"card-{lang}-{len(size)}", f"shop-{lang}-{len(size)}")
    transaction = guardian.ask("GET", f"/cases/{case_id}").json()["newest"][0]["transaction_id"]
    for path in (
        "/console/cases",
        f"/console/cases/{case_id}",
        f"/console/transactions/{transaction}?case={case_id}",
        "/console/quality",
    ):
        page = visit(path, locale=lang, **size)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path
