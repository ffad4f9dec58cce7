"""Card numbers are found in every dress, and nothing else is taken for one."""

import io
import json
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.observability.logs import configure, get_logger
from guardian.observability.masking import looks_like_pan, mask_event, mask_text, may_hold_pan
from guardian.observability.traces import (
    child_of,
    current_trace,
    new_trace_id,
    new_traceparent,
    trace_id_of,
)

PANS = ("4111111111111111", "5500000000000004", "378282246310005", "6011000990139424", "30569309025904")


class Sample(msgspec.Struct):
    card: str


def with_check_digit(digits: str) -> str:
    """The digits with the Luhn digit that makes them a card number."""
    doubled = [
        sum(divmod(2 * int(one), 10)) if i % 2 == 0 else int(one) for i, one in enumerate(digits[::-1])
    ]
    return digits + str(-sum(doubled) % 10)


@pytest.mark.parametrize("pan", PANS)
@pytest.mark.parametrize("dress", ["{}", "id-{}", "card {} please", "[{}]"])
def test_a_card_number_is_found_in_any_text(pan: str, dress: str) -> None:
    assert looks_like_pan(dress.format(pan))
    assert pan not in mask_text(dress.format(pan))


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111.1111/1111 1111",
        "4111_1111:1111,1111",
        "4111 | 1111 / 1111\t1111",
        "4111\u22121111\u22121111\u22121111",
        "٤١١١١١١١١١١١١١١١",
        "４１１１" * 1 + "１" * 12,
    ],
)
def test_separators_and_other_alphabets_do_not_hide_it(text: str) -> None:
    assert looks_like_pan(text)
    assert may_hold_pan(json.dumps({"x": text}).encode())
    assert may_hold_pan(json.dumps({"x": text}, ensure_ascii=False).encode())


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",
        "1763985600000",
        "019a9c3e-71d2-7c41-b0aa-2f6b1c0e9d53",
        "m_000123",
        "20261119 05:47:02",
        "2222222222222222",
        "",
    ],
)
def test_ids_times_and_failed_checks_are_let_pass(text: str) -> None:
    assert not looks_like_pan(text)
    assert mask_text(text) == text


@given(
    st.sampled_from("345689"),
    st.text("0123456789", min_size=11, max_size=17),
    st.sampled_from(["", " ", "-"]),
)
def test_every_number_that_passes_the_check_is_masked(first: str, rest: str, separator: str) -> None:
    pan = with_check_digit(first + rest)
    if len(set(pan)) == 1:
        return
    text = separator.join(pan)
    assert looks_like_pan(text)
    assert may_hold_pan(text.encode())
    masked = mask_text(text)
    shown = masked.replace("*", "").replace(separator, "")
    assert masked.startswith(pan[:6])
    assert masked.endswith(f"****{pan[-4:]}")
    assert len(shown) <= 10


@pytest.mark.parametrize(
    "beside", ["2024-01-02 {}", "try 3 {}", "{} 12", "31.12.2024-{}/7", "x{}y", "1 {} 2 {}", "pan={};"]
)
@pytest.mark.parametrize("pan", PANS)
def test_numbers_that_stand_beside_do_not_hide_it(beside: str, pan: str) -> None:
    for written in (pan, f"{pan[:4]} {pan[4:8]} {pan[8:]}"):
        text = beside.format(written, written)
        assert looks_like_pan(text)
        assert may_hold_pan(text.encode())
        assert pan[6:-4] not in mask_text(text).replace(" ", "")


def test_characters_without_width_and_escapes_do_not_hide_it() -> None:
    assert mask_text("4111\u200b1111\u20601111\u00ad1111") == "411111****1111"
    assert may_hold_pan(rb'{"x":"4111\/1111\/1111\/1111"}')
    assert may_hold_pan(rb'{"x":"\u0034111111111111111"}')


@given(st.uuids(version=4))
def test_no_identifier_is_taken_for_a_card_number(identifier: UUID) -> None:
    text = str(identifier)
    if text.replace("-", "").isdigit():
        return
    assert mask_text(text) == text


def test_an_identifier_whose_digits_pass_the_check_is_let_pass() -> None:
    assert not looks_like_pan("1d5f2d87-2082-4d97-9ac9-816991390212")


def test_a_card_number_beside_an_identifier_is_found() -> None:
    text = f"b54adc00-67f9-4d97-9eae-446655440000 {PANS[0]}"
    assert mask_text(text) == "b54adc00-67f9-4d97-9eae-446655440000 411111****1111"


@given(st.dictionaries(st.text(max_size=20), st.text(st.sampled_from("0123456789 -./aé٤"), max_size=40)))
def test_the_quick_look_misses_nothing_that_the_slow_one_finds(document: dict[str, str]) -> None:
    if any(looks_like_pan(text) for text in document.values()):
        assert may_hold_pan(json.dumps(document).encode())
        assert may_hold_pan(json.dumps(document, ensure_ascii=False).encode())


@given(st.text(st.sampled_from("0123456789 -.x"), max_size=60))
def test_what_was_masked_holds_no_card_number_any_more(text: str) -> None:
    masked = mask_text(text)
    assert not looks_like_pan(masked)


def test_events_are_walked_through_and_secrets_hidden_by_name() -> None:
    event = {
        "password": "hunter2",
        "Authorization": "Bearer x",
        "nested": [{"card": PANS[0]}, (PANS[1].encode(), 7, None, True)],
        "number": int(PANS[0]),
        "real": float(PANS[1]),
        "struct": Sample(PANS[0]),
        "seconds": 0.4235123512351235,
        PANS[2]: "as a key",
    }
    text = json.dumps(mask_event(event))
    assert not any(pan in text for pan in PANS)
    assert "hunter2" not in text
    assert "Bearer x" not in text
    assert ", 7, null, true" in text
    assert "0.4235123512351235" in text


def test_a_log_line_is_one_json_object_without_card_numbers() -> None:
    stream = io.StringIO()
    configure("info", stream)
    token = current_trace.set("ab" * 16)
    try:
        try:
            raise ValueError(f"card {PANS[0]}")
        except ValueError:
            get_logger("test").exception("thing_failed", card=PANS[1])
        get_logger("test").debug("too_quiet")
    finally:
        current_trace.reset(token)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1
    event = json.loads(lines[0])
    assert (event["event"], event["level"], event["trace_id"]) == ("thing_failed", "error", "ab" * 16)
    assert not any(pan in lines[0] for pan in PANS)


def test_a_trace_goes_on_under_the_callers_id() -> None:
    trace_id = new_trace_id()
    header = new_traceparent(trace_id).encode()
    carried = child_of(header)
    assert carried is not None
    assert trace_id_of(carried["traceparent"].encode()) == trace_id


TAIL = b"a" * 32 + b"-" + b"1" * 16 + b"-01"


def test_a_later_version_of_the_header_is_understood() -> None:
    assert trace_id_of(b"01-" + TAIL + b"-more") == trace_id_of(b"00-" + TAIL) == "a" * 32


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"junk",
        b"00-" + b"0" * 32 + b"-" + b"1" * 16 + b"-01",
        b"ff-" + TAIL,
        b"00-" + TAIL + b"-more",
        b"00-" + TAIL + b"\n",
    ],
)
def test_an_invalid_trace_header_is_left_out(header: bytes | None) -> None:
    assert child_of(header) is None
