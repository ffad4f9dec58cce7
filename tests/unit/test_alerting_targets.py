"""Where Guardian may send to."""

from typing import Any

import pytest

from guardian.alerting.targets import address_of, is_public, target
from guardian.domain.errors import Forbidden, Misconfigured, Unavailable


def answering(*addresses: str) -> Any:
    return lambda *_args, **_named: [(2, 1, 6, "", (address, 443)) for address in addresses]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/x",
        "file:///etc/passwd",
        "example.com",
        "http://",
        "http://[::1",
        "http://example.com:99999/",
        "http://example.com:0/",
        "https://user:pass@example.com/",
        "",
    ],
)
def test_a_url_that_cannot_be_sent_to_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        target(url)
    assert "example" not in str(refusal.value)
    assert "pass@" not in str(refusal.value)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_no_address_of_a_private_network_is_public(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(Forbidden):
        address_of(target("https://example.com/"), False, answering(address))
    assert address_of(target("https://example.com/"), True, answering(address)) == address


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert address_of(target("https://example.com/"), False, answering(address)) == address


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(Forbidden):
        address_of(target("http://example.com"), False, answering("8.8.8.8", "127.0.0.1"))


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "localhost"])
def test_other_ways_to_write_loopback_are_seen_through(host: str) -> None:
    with pytest.raises((Forbidden, Unavailable)):
        address_of(target(f"http://{host}/"), False)


def test_a_name_that_does_not_resolve_is_tried_again_later() -> None:
    def nowhere(*_args: object, **_named: object) -> Any:
        raise OSError("no such host")

    with pytest.raises(Unavailable):
        address_of(target("http://example.com"), False, nowhere)
    with pytest.raises(Unavailable):
        address_of(target("http://example.com"), False, answering())
