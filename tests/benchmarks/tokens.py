"""Sign the same claims in several ways: with this package, and with other libraries."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import jwt
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from django.test import override_settings

from django_layer_identity.keys.rsa import PrivateKey
from django_layer_identity.keys.signers import LocalSigner
from django_layer_identity.protocol.claims import IdentityClaims
from django_layer_identity.protocol.identifiers import KeyID, ProviderID
from django_layer_identity.protocol.signing import sign_identity_token
from tests.benchmarks.names import KEY_ID, PROVIDER_ID, USERNAME
from tests.benchmarks.rounds import AtMost, measure, say, show_times
from tests.key_pairs import VECTORS, load_rsa_key
from tests.server.clients import new_nonce

PEM = (VECTORS / "first_private_key.pem").read_text()
KEY = load_rsa_key("first")
LIFETIME = timedelta(minutes=5)
HEADER = {
    "alg": "RS256",
    "typ": "JWT",
    "cty": "layer-eit;v=1",
    "kid": f"layer:///keys/{KEY_ID}",
}
PROFILE = {"display_name": "Alice Liddell", "first_name": "Alice"}
SIGNATURE, OURS, FROM_PEM = (
    "a bare signature with a loaded key",
    "claims to token, with a loaded key",
    "PyJWT, given the PEM text each time",
)
GOALS = {OURS: AtMost(1.15)}


def claims():
    """Return the claims of a new token, as any library takes them."""
    now = int(datetime.now(timezone.utc).timestamp())
    return {
        **PROFILE,
        "iss": f"layer:///providers/{PROVIDER_ID}",
        "prn": USERNAME,
        "iat": now,
        "exp": now + int(LIFETIME.total_seconds()),
        "nce": new_nonce(),
    }


def ours():
    signer = LocalSigner(KeyID.parse(str(KEY_ID)), PrivateKey(KEY))
    provider = ProviderID.parse(str(PROVIDER_ID))

    def mint():
        now = datetime.now(timezone.utc).replace(microsecond=0)
        return sign_identity_token(
            IdentityClaims(
                provider_id=provider,
                user_id=USERNAME,
                nonce=new_nonce(),
                issued_at=now,
                expires_at=now + LIFETIME,
                profile=PROFILE,
            ),
            signer,
        )

    return mint


def pyjwt(key):
    headers = {name: HEADER[name] for name in ("cty", "kid")}
    return lambda: jwt.encode(claims(), key, algorithm="RS256", headers=headers)


def simplejwt():
    """A token class of SimpleJWT. It has no header ``cty`` and no ``kid``."""
    changed = {"ALGORITHM": "RS256", "SIGNING_KEY": PEM}
    with override_settings(SIMPLE_JWT=changed):
        from rest_framework_simplejwt.state import token_backend
        from rest_framework_simplejwt.tokens import Token

        assert token_backend.prepared_signing_key is not None  # loads the key

    class IdentityToken(Token):
        token_type = "identity"
        lifetime = LIFETIME

    def mint():
        token = IdentityToken()
        for name, value in claims().items():
            token[name] = value
        return str(token)

    return mint


def joserfc():
    from joserfc import jwt
    from joserfc.jwk import RSAKey

    key = RSAKey.import_key(PEM)
    return lambda: jwt.encode(HEADER, claims(), key)


def jwcrypto():
    from jwcrypto import jwk, jwt

    key = jwk.JWK.from_pem(PEM.encode())

    def mint():
        token = jwt.JWT(header=HEADER, claims=claims())
        token.make_signed_token(key)
        return token.serialize()

    return mint


def firebase():
    """A custom token. Its claims besides the user ID are nested, its issuer is fixed."""
    import firebase_admin
    from firebase_admin import auth, credentials

    account = {
        "type": "service_account",
        "project_id": "benchmarks",
        "private_key_id": str(KEY_ID),
        "private_key": PEM,
        "client_email": "benchmarks@example.com",
        "token_uri": "https://example.com/token",
    }
    app = firebase_admin.initialize_app(credentials.Certificate(account))

    def mint():
        extra = {**PROFILE, "nce": new_nonce()}
        return auth.create_custom_token(USERNAME, extra, app)

    return mint


#: The dependency group "bench" has these libraries.
OTHERS = {
    "SimpleJWT (RS256)": simplejwt,
    "joserfc": joserfc,
    "jwcrypto": jwcrypto,
    "firebase-admin": firebase,
}


def others():
    """Return the functions of the libraries that are installed."""
    found = {}
    for name, make in OTHERS.items():
        try:
            found[name] = make()
        except ModuleNotFoundError as exc:
            say(f"{name}: skipped. {exc}.")
    return found


def run(rounds, *_):
    mint = ours()
    message = mint().rpartition(".")[0].encode()
    calls = {
        SIGNATURE: lambda: KEY.sign(message, PKCS1v15(), SHA256()),
        OURS: mint,
        FROM_PEM: pyjwt(PEM),
        "PyJWT, with a loaded key": pyjwt(KEY),
        **others(),
    }
    times = measure(calls, rounds=rounds, number=10)
    show_times("One token", times, SIGNATURE, GOALS)
