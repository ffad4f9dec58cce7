"""What is taken, what is refused, and that a refusal never repeats what was sent."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.domain.clock import DAY_MS, SetClock, iso
from guardian.domain.errors import Conflict, Invalid, Refused, Unreadable
from guardian.domain.transaction import DEFAULT_STATUSES
from guardian.ingestion.accept import Acceptor
from guardian.ingestion.hot import preferred_wait
from guardian.ingestion.schema import minor_units

NOW = 1_763_985_600_000
GOOD = {"status": "approved", "amount": "10.50", "merchant_id": "m1"}


@pytest.fixture
def acceptor() -> Acceptor:
    return Acceptor(DEFAULT_STATUSES, SetClock(NOW), lambda: frozenset({"counter"}))


def body(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


def test_the_least_transaction_gets_an_id_and_the_time(acceptor: Acceptor) -> None:
    taken = acceptor.one(body())
    assert (taken.amount_minor, taken.currency, taken.source) == (1_050, "BRL", "live")
    assert (taken.event_ms, taken.received_ms, taken.given_id) == (NOW, NOW, False)
    assert len(taken.transaction_id) == 36


def test_every_field_is_carried(acceptor: Acceptor) -> None:
    fields = {
        "transaction_id": "t-1",
        "auth_code": "59",
        "card_bin": "51622012",
        "card_token": "ct_1",
        "user_id": "u",
        "acquirer": "a",
        "issuer": "i",
        "mcc": "5411",
        "merchant_type": "food",
        "country": "BR",
        "original_id": "t-0",
        "source": "file",
        "currency": "JPY",
        "timestamp": iso(NOW - 40 * DAY_MS),
    }
    taken = acceptor.one(body(**fields | {"amount": 5}))
    assert (taken.amount_minor, taken.given_id, taken.event_ms) == (5, True, NOW - 40 * DAY_MS)
    same = set(fields) - {"timestamp"}
    assert {name: getattr(taken, name) for name in same} == {name: fields[name] for name in same}


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "paid"},
        {"status": 1},
        {"amount": 0},
        {"amount": -1},
        {"amount": "1e3"},
        {"amount": "NaN"},
        {"amount": "Infinity"},
        {"amount": "1_0"},
        {"amount": " 1"},
        {"amount": "١٢"},
        {"amount": "10.505"},
        {"amount": 10.505},
        {"amount": 1_000_001},
        {"amount": "1000000.01"},
        {"amount": 10**30},
        {"amount": True},
        {"amount": None},
        {"amount": ""},
        {"amount": "."},
        {"merchant_id": ""},
        {"merchant_id": "m" * 51},
        {"merchant_id": "a\x00b"},
        {"transaction_id": "t" * 65},
        {"transaction_id": "a\nb"},
        {"auth_code": "12345678901"},
        {"auth_code": "5 9"},
        {"card_bin": "51622"},
        {"card_bin": "5162201"},
        {"card_bin": "٥١٦٢٢٠"},
        {"mcc": "54"},
        {"mcc": "54x1"},
        {"currency": "brl"},
        {"currency": "R$ "},
        {"timestamp": "yesterday"},
        {"timestamp": "2026-01-01T00:00:00"},
        {"timestamp": iso(NOW + 301_000)},
        {"timestamp": iso(NOW - 7 * DAY_MS - 1_000)},
        {"timestamp": 5},
        {"unknown": "something"},
        {"country": "B"},
        {"timestamp": "1969-01-01T00:00:00Z", "source": "file"},
    ],
)
def test_a_bad_value_is_refused_without_being_repeated(acceptor: Acceptor, changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refusal:
        acceptor.one(body(**changes))
    told = refusal.value.detail + json.dumps(list(refusal.value.errors))
    for value in changes.values():
        if isinstance(value, str) and len(value) > 4:
            assert value not in told


@pytest.mark.parametrize(
    "field", ["merchant_id", "transaction_id", "card_token", "user_id", "original_id", "acquirer"]
)
@pytest.mark.parametrize(
    "number", ["4111111111111111", "4111 1111 1111 1111", "id 5500000000000004", "４１１１" + "1" * 12]
)
def test_a_card_number_is_refused_in_every_field(acceptor: Acceptor, field: str, number: str) -> None:
    for escaped in (True, False):
        raw = json.dumps(GOOD | {field: number}, ensure_ascii=escaped).encode()
        with pytest.raises(Invalid) as refusal:
            acceptor.one(raw)
        assert refusal.value.errors[0]["code"] == "card_number"
        assert number not in str(refusal.value.errors)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff\xfe", b'{"amount":NaN}', b'{"status":"\xff"}', b"nonsense"]
)
def test_what_cannot_be_parsed_is_unreadable(acceptor: Acceptor, raw: bytes) -> None:
    with pytest.raises(Unreadable):
        acceptor.one(raw)


def test_deep_nesting_is_refused(acceptor: Acceptor) -> None:
    with pytest.raises(Refused):
        acceptor.one(b'{"status":' + b"[" * 100_000)


def test_a_source_of_counts_cannot_send_transactions(acceptor: Acceptor) -> None:
    with pytest.raises(Conflict):
        acceptor.one(body(source="counter"))


def test_a_batch_keeps_its_good_rows(acceptor: Acceptor) -> None:
    rows = [GOOD, GOOD | {"status": "x"}, GOOD | {"amount": []}, GOOD]
    accepted = acceptor.many(json.dumps({"transactions": rows}).encode(), lines=False)
    assert len(accepted.transactions) == 2
    assert [one.index for one in accepted.rejected] == [1, 2]


def test_a_broken_line_costs_only_itself(acceptor: Acceptor) -> None:
    lines = b"\n".join([body(), b"{broken", b"", body(amount=2), b"\xff"])
    accepted = acceptor.many(lines, lines=True)
    assert len(accepted.transactions) == 2
    assert [one.index for one in accepted.rejected] == [1, 3]


@pytest.mark.parametrize(
    "raw", [b"", b"[1]", b'{"transactions":[]}', b'{"transactions":[{}],"x":1}', b'{"transactions":5}']
)
def test_a_batch_that_is_none_is_refused(acceptor: Acceptor, raw: bytes) -> None:
    with pytest.raises(Refused):
        acceptor.many(raw, lines=False)


def test_an_empty_or_too_long_batch_is_refused(acceptor: Acceptor) -> None:
    with pytest.raises(Invalid):
        acceptor.many(b"\n\n", lines=True)
    with pytest.raises(Invalid):
        acceptor.many(body() + (b"\n" + body()) * 10_000, lines=True)


@given(st.integers(1, 100_000_000))
def test_an_amount_is_the_same_as_text_and_as_number(minor: int) -> None:
    assert minor_units(f"{minor // 100}.{minor % 100:02d}", 2) == minor
    assert minor_units(minor / 100, 2) == minor


@given(st.binary(max_size=200))
def test_no_bytes_at_all_break_the_door(raw: bytes) -> None:
    door = Acceptor(DEFAULT_STATUSES, SetClock(NOW), frozenset)
    for attempt in (
        door.one,
        lambda raw: door.many(raw, lines=True),
        lambda raw: door.many(raw, lines=False),
    ):
        try:
            attempt(raw)
        except Refused as refusal:
            assert refusal.status in (400, 422)


_values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=70), st.lists(st.text())
)


@given(
    st.dictionaries(st.sampled_from([*GOOD, "transaction_id", "card_bin", "timestamp", "mcc", "x"]), _values)
)
def test_no_value_of_any_type_breaks_the_door(changes: dict[str, Any]) -> None:
    door = Acceptor(DEFAULT_STATUSES, SetClock(NOW), frozenset)
    raw = msgspec.json.encode(GOOD | changes)
    try:
        taken = door.one(raw)
    except Refused as refusal:
        assert refusal.status in (400, 422)
    else:
        assert 0 < taken.amount_minor <= 100_000_000


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, 0.0),
        (b"wait=0.5", 0.5),
        (b"respond-async, wait=2", 2.0),
        (b"wait=900", 10.0),
        (b"wait=inf", 10.0),
        (b"wait=1e999", 10.0),
        (b"wait=NaN", 0.0),
        (b"wait=-1", 0.0),
        (b"wait=", 0.0),
        (b"wait=soon", 0.0),
    ],
)
def test_a_caller_waits_for_a_verdict_ten_seconds_at_most(prefer: bytes | None, seconds: float) -> None:
    assert preferred_wait(prefer) == seconds
