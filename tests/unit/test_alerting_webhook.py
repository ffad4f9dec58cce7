"""Signed webhooks over a real connection on loopback."""

import logging
import socket
from collections.abc import Iterator

import pytest

from alerting_samples import NOW, SECRET, Receiver, receiver
from guardian.alerting.webhook import WebhookSender, signature, signing_key
from guardian.domain.clock import SetClock
from guardian.domain.errors import Forbidden, Misconfigured, Unavailable


@pytest.fixture
def door() -> Iterator[Receiver]:
    with receiver() as door:
        yield door


@pytest.fixture
def sender() -> Iterator[WebhookSender]:
    sender = WebhookSender(SECRET, SetClock(NOW), allow_private=True)
    yield sender
    sender.close()


def test_the_signature_is_that_of_the_published_example() -> None:
    made = signature(signing_key(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_!!!!", "hunter2hunter2hunter2hunter2", "whsec_é"]
)
def test_a_secret_of_another_form_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        signing_key(secret)
    assert "hunter2" not in str(refusal.value)


def test_a_message_arrives_signed(door: Receiver, sender: WebhookSender) -> None:
    assert sender.to(door.url)("msg_1", b'{"a":1}') == 204
    (got,) = door.received
    assert (got.path, got.body, got.headers["content-type"]) == ("/hook", b'{"a":1}', "application/json")
    assert got.headers["webhook-id"] == "msg_1"
    assert got.headers["webhook-timestamp"] == str(NOW // 1000)
    expected = signature(signing_key(SECRET), "msg_1", NOW // 1000, b'{"a":1}')
    assert got.headers["webhook-signature"] == expected


def test_the_name_is_kept_while_the_checked_address_is_used(door: Receiver) -> None:
    port = int(door.url.rpartition(":")[2].split("/")[0])

    def pinned(*_args: object, **_named: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    sender = WebhookSender(SECRET, SetClock(NOW), allow_private=True, resolve=pinned)
    assert sender.send(f"http://hooks.example.test:{port}/x", "msg_1", b"{}") == 204
    assert door.received[0].headers["host"] == f"hooks.example.test:{port}"
    sender.close()


def test_a_redirect_is_not_followed(door: Receiver, sender: WebhookSender) -> None:
    door.will_answer(302)
    assert sender.send(door.url, "msg_1", b"{}") == 302
    assert len(door.received) == 1


def test_a_private_receiver_is_refused_unless_it_is_allowed(door: Receiver) -> None:
    strict = WebhookSender(SECRET, SetClock(NOW))
    with pytest.raises(Forbidden):
        strict.send(door.url, "msg_1", b"{}")
    assert door.received == []
    strict.close()


def test_a_receiver_that_is_away_is_unavailable(sender: WebhookSender) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        with pytest.raises(Unavailable, match="could not be reached"):
            sender.send(url, "msg_1", b"{}")


def test_a_receiver_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guardian.alerting.webhook.TIMEOUT_S", 0.1)
    impatient = WebhookSender(SECRET, SetClock(NOW), allow_private=True)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(Unavailable, match="in time"):
            impatient.send(url, "msg_1", b"{}")
    impatient.close()


@pytest.mark.parametrize("url", ["ftp://example.com", "http://example.com/\x01"])
def test_a_url_nothing_can_be_sent_to_is_refused_at_the_start(sender: WebhookSender, url: str) -> None:
    with pytest.raises(Misconfigured):
        sender.to(url)


def test_neither_the_secret_nor_the_url_is_logged(
    door: Receiver, sender: WebhookSender, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        sender.send(door.url, "msg_1", b"{}")
    assert SECRET not in caplog.text
    assert "/hook" not in caplog.text
    assert SECRET not in repr(sender)
