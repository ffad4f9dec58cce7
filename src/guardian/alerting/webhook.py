"""Signed webhooks: Standard Webhooks over HTTP, with a time limit and an address that was checked."""

import base64
import binascii
import hmac
import logging
import socket
from collections.abc import Callable
from typing import Protocol

import httpx2

from guardian.alerting.targets import Resolve, address_of, target
from guardian.domain.clock import Clock
from guardian.domain.errors import Misconfigured, Unavailable

PREFIX = "whsec_"
KEY_BYTES = range(24, 65)
"""The lengths that Standard Webhooks allows for a symmetric secret."""
TIMEOUT_S = 5.0
Deliver = Callable[[str, bytes], int]
"""Takes an id and a body, answers the receiver's status code. Raises Unavailable or Forbidden."""


class Sender(Protocol):
    """Posts a message to a URL."""

    def send(self, url: str, message_id: str, body: bytes) -> int:
        """The receiver's status code. Raises Unavailable or Forbidden."""
        ...


def signing_key(secret: str) -> bytes:
    """The key in a secret of the form whsec_<base64>. Raises Misconfigured, without showing it."""
    if secret.startswith(PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) in KEY_BYTES:
            return key
    raise Misconfigured(
        "GUARDIAN_ALERTING__WEBHOOK_SECRET: expected whsec_ followed by 24 to 64 bytes in base64."
    )


def signature(key: bytes, message_id: str, timestamp_s: int, body: bytes) -> str:
    """v1,<base64 of the HMAC-SHA-256 over id.timestamp.body> (Standard Webhooks 1.0)."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


class WebhookSender:
    """Signs and posts; follows no redirect, asks no proxy, reads no answer beyond its status."""

    def __init__(
        self, secret: str, clock: Clock, allow_private: bool = False, resolve: Resolve = socket.getaddrinfo
    ) -> None:
        self._key = signing_key(secret)
        self._clock = clock
        self._allow_private = allow_private
        self._resolve = resolve
        # a connection belongs to one name: receivers may share an address
        limits = httpx2.Limits(max_keepalive_connections=0)
        self._client = httpx2.Client(timeout=TIMEOUT_S, limits=limits, trust_env=False)
        # the client logs every URL, and the path of a receiver is often its password
        logging.getLogger("httpx2").setLevel(logging.WARNING)

    def to(self, url: str) -> Deliver:
        """Deliver to this URL. Raises Misconfigured when nothing can be sent there."""
        target(url)
        _readable(url)
        return lambda message_id, body: self.send(url, message_id, body)

    def send(self, url: str, message_id: str, body: bytes) -> int:
        """Sign with the time of this attempt and post. Raises Unavailable or Forbidden."""
        address = address_of(target(url), self._allow_private, self._resolve)
        named = _readable(url)
        timestamp_s = self._clock.now_ms() // 1000
        headers = {
            "host": named.netloc.decode("ascii"),
            "content-type": "application/json",
            "user-agent": "transaction-guardian",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp_s),
            "webhook-signature": signature(self._key, message_id, timestamp_s, body),
        }
        pinned, certified = named.copy_with(host=address), {"sni_hostname": named.raw_host.decode("ascii")}
        try:
            with self._client.stream(
                "POST", pinned, content=body, headers=headers, extensions=certified
            ) as answer:
                return answer.status_code
        except httpx2.TimeoutException as error:
            raise Unavailable("The receiver did not answer in time.") from error
        except httpx2.HTTPError as error:
            raise Unavailable(f"The receiver could not be reached ({type(error).__name__}).") from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _readable(url: str) -> httpx2.URL:
    try:
        return httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise Misconfigured("A receiver's URL cannot be read.") from error
