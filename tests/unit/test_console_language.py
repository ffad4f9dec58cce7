"""Both languages say everything, with the same facts in it."""

import re
from pathlib import Path

import pytest

from alerting_samples import anomaly
from guardian.console import desk
from guardian.console.language import WORDS, Language, choose
from guardian.domain.case import CaseState, Deed, Disposition, GroupKind
from guardian.domain.label import Origin
from guardian.domain.transaction import DEFAULT_STATUSES
from guardian.domain.verdict import Method

FOLDER = Path(desk.__file__).parent
PLACEHOLDER = re.compile(r"\{\w*\}")
USED = re.compile(r"""(?:\bt\(|\bword\(|\bsay\(|\bplural\()\s*\(?\s*["']([a-z_.]+)["']""")


def test_both_files_have_the_same_keys_in_the_same_order() -> None:
    assert list(WORDS["en"]) == list(WORDS["pt-BR"])


@pytest.mark.parametrize("key", WORDS["en"])
def test_the_same_facts_stand_in_both_sentences(key: str) -> None:
    english, portuguese = WORDS["en"][key], WORDS["pt-BR"][key]
    assert sorted(PLACEHOLDER.findall(english)) == sorted(PLACEHOLDER.findall(portuguese))
    for words in (english, portuguese):
        assert words == words.strip() != ""
        assert "!" not in words, "no exclamation marks"


def test_every_key_that_is_asked_for_exists_and_every_key_is_asked_for() -> None:
    sources = [*FOLDER.glob("templates/*.html"), *(p for p in FOLDER.glob("*.py") if "words" not in p.name)]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    asked = {name for name in USED.findall(text) if not name.endswith(".")}
    known = set(WORDS["en"]) | {key.rsplit(".", 1)[0] for key in WORDS["en"]}
    assert asked - known == set()
    literal = set(re.findall(r"[\w.]+", text))
    prefixes = tuple(re.findall(r"""["']([a-z_]+\.)["'{]""", text)) + tuple(
        re.findall(r"""f"(\w+\.)\{""", text)
    )
    forms = (".one", ".many", "_why")
    unused = [
        key
        for key in WORDS["en"]
        if key not in literal
        and not key.startswith(prefixes)
        and not any(key.endswith(form) and key.removesuffix(form) in literal for form in forms)
    ]
    assert unused == []


def test_every_method_disposition_and_deed_has_a_word() -> None:
    keys = [f"method.{one}" for one in Method] + [f"case.say.{one}" for one in Disposition]
    keys += [f"case.deed.{one}" for one in Deed] + [f"case.state.{one}" for one in CaseState]
    keys += [f"case.group.{one}" for one in GroupKind] + [f"origin.{one}" for one in Origin]
    assert [key for key in keys if key not in WORDS["en"]] == []


@pytest.mark.parametrize(
    ("cookie", "accept", "code"),
    [
        ("pt-BR", "en", "pt-BR"),
        ("xx", "pt-PT,pt;q=0.9", "pt-BR"),
        (None, "de, en-GB;q=0.8", "en"),
        (None, "de", "en"),
        (None, "", "en"),
        (None, ", ;", "en"),
    ],
)
def test_the_cookie_chooses_then_the_browser_then_english(cookie: str | None, accept: str, code: str) -> None:
    assert choose(cookie, accept).code == code


def test_series_have_names_that_people_say() -> None:
    english, portuguese = Language("en"), Language("pt-BR")
    assert portuguese.capital("denied") == "Negadas"
    assert portuguese.one("denied") == "negada"
    assert english.capital("*") == "All transactions"
    assert portuguese.status("auth_59") == "código 59"
    assert english.status("acquirer=acq_b,status=denied") == "acquirer acq_b, denied"
    assert portuguese.capital("card_bin=516220,status=denied") == "BIN 516220, negadas"
    assert english.one("strange") == "strange"
    assert portuguese.title(anomaly("a")) == "Negadas acima do esperado"
    assert all(english.one(status) and portuguese.one(status) != status for status in DEFAULT_STATUSES)


def test_one_and_many_are_told_apart_and_an_unknown_key_is_an_error() -> None:
    words = Language("pt-BR")
    assert words.plural("inc.alerts", 1, "1") == "1 alerta"
    assert words.plural("inc.alerts", 2, "2") == "2 alertas"
    with pytest.raises(KeyError):
        words.word("no.such.key")
