"""Tokens of our own issuer: JWTs signed with Ed25519 by a key that never leaves the data folder."""

from collections import OrderedDict
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from guardian.domain.clock import Clock
from guardian.domain.errors import Misconfigured, Unauthenticated
from guardian.domain.identifiers import uuid7
from guardian.security.identity import SCOPES, Principal
from guardian.security.keys import load_or_create

ISSUER = "urn:guardian"
API = "guardian-api"
CONSOLE = "guardian-console"
ALGORITHM = "EdDSA"
LONGEST_TOKEN = 4_096
CACHED = 10_000
LEEWAY_S = 5


def load_or_create_key(path: Path) -> Ed25519PrivateKey:
    """The signing key in that file, made at first use with mode 0600. Raises Misconfigured."""
    try:
        key = serialization.load_pem_private_key(load_or_create(path, _fresh), password=None)
    except ValueError as error:
        raise Misconfigured("The signing key cannot be read; see keys/ in the data folder.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Misconfigured("The signing key is not an Ed25519 key.")
    return key


def _fresh() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Tokens:
    """Issues and verifies tokens for one audience; what was verified is remembered until it expires."""

    def __init__(self, key: Ed25519PrivateKey, audience: str, clock: Clock) -> None:
        self._key = key
        self._public = key.public_key()
        self._kid = sha256(self._public.public_bytes_raw()).hexdigest()[:16]
        self._audience = audience
        self._clock = clock
        self._verified: OrderedDict[bytes, tuple[Principal, int]] = OrderedDict()

    def issue(self, principal: Principal, ttl_s: int) -> str:
        """A token that proves this identity for `ttl_s` seconds."""
        now_s = self._clock.now_ms() // 1000
        claims = {
            "iss": ISSUER,
            "aud": self._audience,
            "sub": principal.subject,
            "scope": " ".join(sorted(principal.scopes)),
            "kind": principal.kind,
            "iat": now_s,
            "nbf": now_s,
            "exp": now_s + ttl_s,
            "jti": uuid7(now_s * 1000),
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"typ": "at+jwt", "kid": self._kid})

    def verify(self, token: str) -> Principal:
        """Whose token it is. Raises Unauthenticated, always with the same words."""
        digest = sha256(token.encode("utf-8", "replace")).digest()
        now_s = self._clock.now_ms() // 1000
        known = self._verified.get(digest)
        if known is not None and known[1] > now_s:
            return known[0]
        principal, expires_s = self._check(token, now_s)
        self._verified[digest] = principal, expires_s
        if len(self._verified) > CACHED:
            self._verified.popitem(last=False)
        return principal

    def _check(self, token: str, now_s: int) -> tuple[Principal, int]:
        refusal = Unauthenticated("The token is missing, expired or not one of ours.")
        if len(token) > LONGEST_TOKEN:
            raise refusal
        try:
            if jwt.get_unverified_header(token).get("kid") != self._kid:
                raise refusal
            claims: dict[str, Any] = jwt.decode(
                token,
                self._public,
                algorithms=[ALGORITHM],
                audience=self._audience,
                issuer=ISSUER,
                options={
                    "require": ["exp", "nbf", "iss", "aud", "sub", "scope"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
            expires_s, begins_s = int(claims["exp"]), int(claims["nbf"])
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise refusal from error
        if expires_s <= now_s or begins_s > now_s + LEEWAY_S:
            raise refusal
        scopes = frozenset(str(claims["scope"]).split()) & SCOPES.keys()
        if claims.get("kind") == "machine":
            return Principal(str(claims["sub"]), scopes, "machine"), expires_s
        return Principal(str(claims["sub"]), scopes), expires_s
