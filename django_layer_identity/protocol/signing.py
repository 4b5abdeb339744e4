"""Sign identity tokens: JWS in compact form (RFC 7515)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol, cast

from jwt.algorithms import RSAAlgorithm
from jwt.api_jws import PyJWS

if TYPE_CHECKING:
    from django_layer_identity.protocol.claims import IdentityClaims
    from django_layer_identity.protocol.identifiers import KeyID

ALGORITHM = "RS256"  # the only algorithm that Layer accepts
TYPE = "JWT"
CONTENT_TYPE = "layer-eit;v=1"


class Signer(Protocol):
    """
    A private key, local or remote, together with its key ID.

    One object has both, so a token's ``kid`` is always the ID of the key that signed
    the token.
    """

    @property
    def key_id(self) -> KeyID:
        """The key ID, by which a verifier finds the public key."""

    def sign(self, message: bytes) -> bytes:
        """
        Return the RSASSA-PKCS1-v1_5 signature with SHA-256 (RFC 7518, section 3.3).

        :raises Exception: any exception of the backend. The caller handles it.
        """


class _SignerAlgorithm(RSAAlgorithm):
    """Make PyJWT call a :class:`Signer` for the signature."""

    def prepare_key(self, key: Any) -> Any:
        return key

    def check_key_length(self, key: Any) -> None:
        return None  # ``keys.rsa`` checks the size before a key is stored

    def sign(self, msg: bytes, key: Any) -> bytes:
        return cast("Signer", key).sign(msg)


_jws = PyJWS(algorithms=[])
_jws.register_algorithm(ALGORITHM, _SignerAlgorithm(RSAAlgorithm.SHA256))


def sign_identity_token(claims: IdentityClaims, signer: Signer) -> str:
    """
    Return the identity token as a compact JWS: three base64url parts and two dots.

    The JSON is ASCII, because Layer's web SDKs decode it with ``atob`` only, not as
    UTF-8. Characters outside ASCII would arrive garbled.
    """
    payload = json.dumps(claims.as_payload(), ensure_ascii=True, separators=(",", ":"))
    return _jws.encode(
        payload.encode("ascii"),
        signer,  # type: ignore[arg-type]  # PyJWT passes it on unchanged
        algorithm=ALGORITHM,
        headers={"typ": TYPE, "cty": CONTENT_TYPE, "kid": str(signer.key_id)},
    )
