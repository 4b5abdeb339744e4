"""Claims and a signer make an identity token: a JWS in compact form (RFC 7515)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol, cast

from jwt.algorithms import RSAAlgorithm
from jwt.api_jws import PyJWS

if TYPE_CHECKING:
    from django_layer_identity.protocol.claims import IdentityClaims
    from django_layer_identity.protocol.identifiers import KeyID

ALGORITHM = "RS256"  # the one algorithm that Layer accepts
TYPE = "JWT"
CONTENT_TYPE = "layer-eit;v=1"


class Signer(Protocol):
    """
    A private key, wherever it is kept, together with the ID that Layer knows it by.

    One object answers for both, so that a token's ``kid`` is always that of the key
    that signed it.
    """

    @property
    def key_id(self) -> KeyID:
        """The ID that Layer gave to the public half."""

    def sign(self, message: bytes) -> bytes:
        """
        Return the RSASSA-PKCS1-v1_5 signature with SHA-256 (RFC 7518, section 3.3).

        :raises Exception: whatever the backend raises; the caller answers for it.
        """


class _SignerAlgorithm(RSAAlgorithm):
    """Let PyJWT assemble the token and a :class:`Signer` sign it."""

    def prepare_key(self, key: Any) -> Any:
        return key

    def check_key_length(self, key: Any) -> None:
        return None  # the backend has seen to it: ``keys.rsa.MIN_KEY_SIZE``

    def sign(self, msg: bytes, key: Any) -> bytes:
        return cast("Signer", key).sign(msg)


_jws = PyJWS(algorithms=[])
_jws.register_algorithm(ALGORITHM, _SignerAlgorithm(RSAAlgorithm.SHA256))


def sign_identity_token(claims: IdentityClaims, signer: Signer) -> str:
    """
    Return the identity token as a compact JWS: three base64url parts and two dots.

    The JSON is ASCII: Layer's web SDKs decode it with ``atob`` and no UTF-8, which
    would garble every name that is not.
    """
    payload = json.dumps(claims.as_payload(), ensure_ascii=True, separators=(",", ":"))
    return _jws.encode(
        payload.encode("ascii"),
        signer,  # type: ignore[arg-type]  # PyJWT hands it to our algorithm as it is
        algorithm=ALGORITHM,
        headers={"typ": TYPE, "cty": CONTENT_TYPE, "kid": str(signer.key_id)},
    )
