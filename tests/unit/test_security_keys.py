"""Keys in files: made once, readable by their owner alone, the same for everybody."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from guardian.domain.errors import Misconfigured
from guardian.security.keys import load_or_create, model_key


def test_a_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "models.key"
    key = model_key(path)
    assert len(key) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert model_key(path) == key
    assert [one.name for one in path.parent.iterdir()] == ["models.key"]


def test_whoever_is_first_wins(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"first")
    assert load_or_create(path, lambda: b"second") == b"first"


def test_many_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        waiting = [pool.submit(model_key, tmp_path / "key") for pool in (one, other)]
        assert len({future.result() for future in waiting}) == 1


def test_a_key_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    with pytest.raises(Misconfigured, match="keys/"):
        model_key(tmp_path / "key")
