"""Public keys as JWK (RFC 7517), for verifiers other than Layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.utils import to_base64url_uint

from django_layer_identity.exceptions import InvalidKey
from django_layer_identity.protocol.token import ALGORITHM

if TYPE_CHECKING:
    from django_layer_identity.protocol.identifiers import KeyID


def public_jwk(public_pem: str, key_id: KeyID) -> dict[str, str]:
    """
    Return the public half as a JWK; its ``kid`` is the one that tokens carry.

    The members are those of RFC 7518, section 6.3.1, and there is no way for a private
    one to get in: nothing but a public key is read.

    :param public_pem: PEM, SubjectPublicKeyInfo.
    :raises InvalidKey: if that is not an RSA public key.
    """
    try:
        key = load_pem_public_key(public_pem.encode())
    except ValueError as exc:
        raise InvalidKey("This is no public key in PEM.") from exc
    if not isinstance(key, RSAPublicKey):
        raise InvalidKey("This is no RSA public key, and Layer accepts RSA alone.")
    numbers = key.public_numbers()
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": ALGORITHM,
        "kid": str(key_id),
        "n": to_base64url_uint(numbers.n).decode("ascii"),
        "e": to_base64url_uint(numbers.e).decode("ascii"),
    }
