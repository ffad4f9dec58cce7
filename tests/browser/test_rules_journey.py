"""Two people bring a rule live: a bad text, a backtest, a review that is never the author's own, and back."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from tests.browser.conftest import Running, until

pytestmark = pytest.mark.browser
PHONE = {"viewport": {"width": 390, "height": 844}}
TEXT = """id: tiny_amounts
name: {pt: Valores mínimos, en: Tiny amounts}
severity: WARNING
recommendation: {pt: Veja o cartão., en: Look at the card.}
when: |
  amount < 2
  and amuont > 0
"""
RULE = "/console/rules/tiny_amounts"


REFUSED = "Failed to load resource: the server responded with a status of 422 (Unprocessable Entity)"


class Shop(Running):
    """An installation whose live source sends transactions, none so far."""

    def _remember_two_days(self) -> None:
        pass

    def _all_judged(self) -> bool:
        return True


@pytest.fixture(scope="module")
def guardian(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Shop(tmp_path_factory.mktemp("shop"))
    yield running
    running.close()


def paid(guardian: Running, name: str, amount: str) -> dict[str, Any]:
    """The verdict of one transaction."""
    body = {
        "transaction_id": name,
        "merchant_id": "m1",
        "status": "approved",
        "amount": amount,
        "card_token": f"card-{name}",
    }
    assert guardian.ask("POST", "/transaction", json=body).status_code == 202
    until(lambda: guardian.ask("GET", f"/transaction/{name}").status_code == 200, "it is judged")
    found: dict[str, Any] = guardian.ask("GET", f"/transaction/{name}").json()["verdict"]
    return found


def fits(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def press(page: Any, button: str) -> None:
    page.get_by_role("button", name=button).click()
    page.wait_for_load_state()


def test_two_people_bring_a_rule_live_and_one_key_takes_it_back(
    guardian: Running, visit: Callable[..., Any]
) -> None:
    for number in range(8):
        paid(guardian, f"before-{number}", "1.50" if number == 0 else "80.00")
    author = visit(
        "/console/overview",
        tolerates=REFUSED,
    )
    author.keyboard.press("g")
    author.keyboard.press("r")
    author.wait_for_url("**/console/rules")
    author.keyboard.press("n")
    author.wait_for_url("**/console/rules/-/new")
    author.fill("textarea", TEXT)
    press(author, "Check")
    assert "Line 7, column 7" in author.inner_text("#rule-error")
    assert "did you mean amount" in author.inner_text("#rule-error")
    author.fill("textarea", TEXT.replace("amuont", "amount"))
    author.focus("textarea")
    author.keyboard.press("Control+Enter")
    author.wait_for_selector("#backtest")
    assert "Would have fired" in author.inner_text("#backtest")
    assert author.locator("#backtest .big .v").first.inner_text() == "1"
    press(author, "Save draft")
    assert author.url.endswith(RULE)
    author.keyboard.press("Shift+R")
    author.wait_for_selector("text=In review")
    assert author.get_by_role("button", name="Run in shadow").count() == 0
    assert "a second person" in author.inner_text("#not-yours")

    other = visit("/console/rules", role="operator")
    assert "Review tiny_amounts" in other.inner_text(".head")
    other.keyboard.press("Enter")
    other.wait_for_url(f"**{RULE}")
    other.fill("[name=reason]", "seen and sensible")
    other.keyboard.press("Tab")
    press(other, "Run in shadow")
    assert "seen and sensible" in other.inner_text(".tl")
    until_published(guardian, "shadow-1", [])
    press(other, "Go live")
    until_published(guardian, "live-1", ["tiny_amounts"])

    author.goto(guardian.url + RULE)
    author.keyboard.press("z")
    author.wait_for_selector("text=Rolled back")
    until_published(guardian, "back-1", [])
    found = guardian.ask("GET", "/transaction/live-1").json()["verdict"]
    assert [one["rule_id"] for one in found["rules"]] == ["tiny_amounts"]
    assert (
        found["rules_version"]
        != guardian.ask("GET", "/transaction/back-1").json()["verdict"]["rules_version"]
    )


def until_published(guardian: Running, name: str, expected: list[str]) -> None:
    """The judge takes up what is published within five seconds."""
    version, turn = guardian.parts.rules.current_version(), count()
    until(
        lambda: paid(guardian, f"{name}-{next(turn)}", "1.00")["rules_version"] == version, "it is taken up"
    )
    found = paid(guardian, name, "1.00")
    assert [one["rule_id"] for one in found["rules"]] == expected


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("language", ["en-GB", "pt-BR"])
def test_the_pages_of_rules_fit_and_complain_of_nothing(
    guardian: Running, visit: Callable[..., Any], options: dict[str, Any], language: str
) -> None:
    page = visit("/console/rules", locale=language, **options)
    for path in (
        "/console/rules",
        "/console/rules/-/new",
        "/console/rules/-/lists",
        "/console/rules/card_testing_bin",
    ):
        page.goto(guardian.url + path)
        assert fits(page), path
        assert page.locator("h1").inner_text()
