"""What alerting, incidents and watching write down reads in the reader's language."""

import msgspec
import pytest

from alerting_samples import NOW, alert, anomaly, answered
from console_samples import HOSTILE, formats
from guardian.alerting.policy import title_of
from guardian.console.retold import retold
from guardian.domain.alert import AlertState
from guardian.domain.cause import Cause, Money, Step
from guardian.domain.clock import HOUR_MS, MINUTE_MS
from guardian.domain.verdict import AlertLevel
from guardian.incidents.lifecycle import acknowledged, followed, opened, resolved
from guardian.incidents.lifecycle import title_of as title_of_all
from guardian.watching.reasons import explained_by_others, in_shadow, reasons, told
from guardian.watching.shadow import shadow

ENGLISH, PORTUGUESE = formats("en"), formats("pt-BR")


def test_a_title_names_the_series_and_writes_its_numbers_as_the_reader_does() -> None:
    title = title_of(anomaly("a", series="*", observed=5.42, expected=1_090.0))
    assert retold(title, ENGLISH) == "All transactions: 5.4 a minute, expected 1\u202f090"
    assert retold(title, PORTUGUESE) == "Todas as transações: 5,4 por minuto, esperado 1\u202f090"
    several = title_of_all([alert("auth_59"), alert("failed"), alert("denied")])
    assert retold(several, PORTUGUESE) == "Código 59: 41 por minuto, esperado 19 e mais 2"


@pytest.mark.parametrize(
    "name", ["*", "denied", "auth_59", "acquirer=acq_b,status=denied", "a: b, and 2 more"]
)
@pytest.mark.parametrize("window", [1, 15])
@pytest.mark.parametrize("score", [-0.8, 0.0, 1.43, 5.0])
@pytest.mark.parametrize("observed", [0.0, 0.00012, 41.25, 1_234.0])
def test_every_reason_of_the_detector_is_told_in_portuguese(
    name: str, window: int, score: float, observed: float
) -> None:
    for said in reasons(name, (observed, 0.5, 2_345.6), window, score):
        again = retold(said, PORTUGUESE)
        assert again != said
        assert "usual" not in again
        assert "traffic" not in again
        assert "," not in said or ",000" not in again


def test_a_reason_keeps_its_facts() -> None:
    said = reasons("denied", (41.0, 9.0, 29.0), 5, 1.43)
    assert [retold(one, PORTUGUESE) for one in said] == [
        "Negadas: 41 por minuto em 5 minutos, esperado 9–29.",
        "O tráfego normal faz isto cerca de uma vez em 26,9 semanas.",
    ]


def test_why_nobody_is_called_is_told_in_both_languages() -> None:
    found = shadow([answered(NOW - n * HOUR_MS) for n in range(1, 6)], 1.0, NOW)
    assert found is not None
    assert retold(in_shadow(found), PORTUGUESE).startswith("Em sombra até ")
    assert ": 5 alarmes falsos em uma semana; 5 já passam do acaso." in retold(in_shadow(found), PORTUGUESE)
    told_already = explained_by_others(anomaly("a")).reasons[-1]
    assert retold(told_already, PORTUGUESE) == "Outra anomalia aberta a explica: não chama ninguém."
    assert retold(told_already, ENGLISH) == told_already


def test_the_whole_story_of_an_incident_is_told_in_portuguese() -> None:
    first, second = alert("denied"), alert("*", level=AlertLevel.CRITICAL)
    incident = opened("INC-0001", first, NOW)
    incident = followed(incident, [first, second], NOW + MINUTE_MS)
    incident = acknowledged(incident, "bia", NOW + 2 * MINUTE_MS)
    over = [
        msgspec.structs.replace(one, state=AlertState.RESOLVED, resolved_ms=NOW + HOUR_MS)
        for one in (first, second)
    ]
    incident = followed(incident, over, NOW + HOUR_MS)
    back = msgspec.structs.replace(first, reopened_ms=NOW + 2 * HOUR_MS)
    incident = resolved(followed(incident, [back, over[1]], NOW + 2 * HOUR_MS), "bia", NOW + 3 * HOUR_MS)
    told = [retold(entry.what, PORTUGUESE) for entry in incident.timeline]
    kept = [retold(entry.what, ENGLISH) for entry in incident.timeline]
    heads = ("Detectado", "Triado como P3", "Juntou-se", "Subiu de P3 para P1", "Agora", "Reconhecido",
             "Resolvido: todos os alertas passaram", "Reaberto: voltou a acontecer", "Resolvido")  # fmt: skip
    assert all(any(line.startswith(head) for line in told) for head in heads), told
    assert not any("expected" in line or "minute" in line for line in told)
    assert kept[0] == "Detected: Denied: 41 a minute, expected 19"


@pytest.mark.parametrize("text", ["Called the acquirer.", "", HOSTILE, "denied: many a minute, expected few"])
def test_what_a_person_wrote_stays_as_it_is(text: str) -> None:
    assert retold(text, PORTUGUESE) == text


CAUSE = Cause(
    19.5,
    ((Step("auth_code", "59", 18.2, 0.934, 0.07), Step("merchant_id", "loja, a", 17.9, 0.912, 0.001)),),
    Money("BRL", 4_123_456, 3_504_000, 4_691_000),
)


def test_what_carries_a_change_is_told_in_portuguese_with_the_reader_s_money() -> None:
    assert [retold(one, PORTUGUESE) for one in told(CAUSE)] == [
        "91\u202f% da mudança: código 59, lojista loja, a.",
        "Em risco por hora: R$ 41\u202f000 (35\u202f000 a 47\u202f000).",
    ]
    assert retold(next(iter(told(Cause(1.0, ())))), PORTUGUESE).startswith("Nenhum adquirente")


def test_a_title_says_what_carries_most_of_it() -> None:
    title = title_of(anomaly("a", series="denied", observed=41.0, expected=19.0, cause=CAUSE))
    assert title == "denied: 41 a minute, expected 19; 91 % is code 59, merchant loja, a"
    assert retold(title, PORTUGUESE) == (
        "Negadas: 41 por minuto, esperado 19; 91\u202f% é código 59, lojista loja, a"
    )
