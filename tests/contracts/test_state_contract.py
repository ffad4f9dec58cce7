"""The promises of the state port, on every back end."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.domain.clock import Clock, SetClock
from guardian.state.base import Rate, State
from guardian.state.memory import SWEEP_AT, MemoryState

NOW = 1_763_985_600_000
BACK_ENDS: list[Callable[[Clock], State]] = [MemoryState]


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture(params=BACK_ENDS)
def state(request: pytest.FixtureRequest, clock: SetClock) -> State:
    found: State = request.param(clock)
    return found


def test_a_count_begins_again_after_its_window(state: State, clock: SetClock) -> None:
    assert [state.incr("k", 1_000), state.incr("k", 1_000, 3), state.incr("other", 1_000)] == [1, 4, 1]
    clock.advance(999)
    assert state.incr("k", 1_000) == 5
    clock.advance(1)
    assert state.incr("k", 1_000) == 1


def test_a_value_is_there_until_it_expires(state: State, clock: SetClock) -> None:
    assert state.get("k") is None
    state.put("k", b"1", 1_000)
    state.put("k", b"2", 1_000)
    assert state.get("k") == b"2"
    clock.advance(1_000)
    assert state.get("k") is None


def test_a_lock_is_taken_once_and_released_by_its_owner_alone(state: State, clock: SetClock) -> None:
    assert state.add("lock", b"a", 1_000)
    assert not state.add("lock", b"b", 1_000)
    assert not state.remove("lock", b"b")
    assert state.remove("lock", b"a")
    assert state.add("lock", b"b", 1_000)
    clock.advance(1_000)
    assert not state.remove("lock", b"b")
    assert state.add("lock", b"c", 1_000)


def test_a_rate_gives_a_burst_and_then_its_pace(state: State, clock: SetClock) -> None:
    rate = Rate(burst=3, every_ms=100)
    assert [state.take("k", rate) for _ in range(4)] == [0, 0, 0, 100]
    assert state.take("other", rate) == 0
    clock.advance(60)
    assert state.take("k", rate) == 40
    clock.advance(40)
    assert [state.take("k", rate), state.take("k", rate)] == [0, 100]


@pytest.mark.parametrize("make", BACK_ENDS)
@given(st.integers(1, 5), st.integers(1, 50), st.lists(st.integers(0, 60), min_size=1, max_size=60))
def test_a_rate_is_never_exceeded_over_any_span(
    make: Callable[[Clock], State], burst: int, every_ms: int, pauses: list[int]
) -> None:
    clock = SetClock(NOW)
    state = make(clock)
    taken: list[int] = []
    for pause in pauses:
        clock.advance(pause)
        if state.take("k", Rate(burst, every_ms)) == 0:
            taken.append(clock.now_ms())
    for first, start in enumerate(taken):
        for count, end in enumerate(taken[first:], 1):
            assert count <= burst + (end - start) // every_ms


def test_threads_lose_no_count_and_share_no_lock(state: State) -> None:
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: state.incr("k", 60_000), range(400)))
        locks = list(pool.map(lambda i: state.add("lock", b"%d" % i, 60_000), range(40)))
    assert sorted(counts) == list(range(1, 401))
    assert sum(locks) == 1


def test_what_has_expired_is_swept_and_the_rest_stays(clock: SetClock) -> None:
    state = MemoryState(clock)
    state.put("kept", b"x", 60_000)
    for number in range(SWEEP_AT):
        state.incr(f"count {number}", 10)
        state.take(f"rate {number}", Rate(1, 10))
        state.put(f"value {number}", b"", 10)
        clock.advance(10)
    assert state.get("kept") == b"x"
    assert len(state._values) + len(state._counts) + len(state._arrivals) <= SWEEP_AT
