"""Identifiers: ordered by time, and found again by their key."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from guardian.domain.identifiers import Identifiers, transaction_key, uuid7


@given(st.integers(0, 1 << 47), st.integers(1, 1 << 40), st.binary(min_size=10, max_size=10))
def test_a_uuid7_is_one_and_sorts_by_its_time(first_ms: int, later_ms: int, noise: bytes) -> None:
    first, second = uuid7(first_ms, noise), uuid7(first_ms + later_ms, noise)
    assert uuid.UUID(first).version == 7
    assert uuid.UUID(first).variant == uuid.RFC_4122
    assert first < second
    assert transaction_key(first) < transaction_key(second)


def test_new_ids_differ_also_beyond_one_block_of_noise() -> None:
    identifiers = Identifiers()
    made = [identifiers.new(1_763_985_600_000) for _ in range(1_200)]
    assert len(set(made)) == 1_200
    assert {(uuid.UUID(one).version, uuid.UUID(one).variant) for one in made} == {(7, uuid.RFC_4122)}


@given(st.text(max_size=64))
def test_every_id_has_a_key_of_64_signed_bits(name: str) -> None:
    assert -(1 << 63) <= transaction_key(name) < 1 << 63
    assert transaction_key(name) == transaction_key(name)


def test_what_only_looks_like_a_uuid_has_a_key_too() -> None:
    odd = "zzzzzzzz-zzzz-7zzz-zzzz-zzzzzzzzzzzz"
    assert transaction_key(odd) != transaction_key(odd.replace("z", "y"))
