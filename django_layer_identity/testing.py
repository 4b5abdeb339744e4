"""
Helpers for the tests of projects that install this app.

``django_layer_identity.pytest_plugin`` has the same as fixtures. Never use them outside of
tests: everyone knows the private key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from http.client import HTTPConnection
from importlib.resources import files
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core import mail
from django.db import models, router
from django.test import override_settings
from django.urls import NoReverseMatch, get_resolver, include, path, reverse
from django.utils import timezone

from django_layer_identity.conf import DEFAULT_THROTTLE_RATES, conf
from django_layer_identity.exceptions import KeyStateError, refusals_by_code
from django_layer_identity.keys.reading import read_private_key
from django_layer_identity.keys.rsa import TEST_KEY_FINGERPRINT, PrivateKey
from django_layer_identity.models import LayerApp, LayerUser, SigningKey
from django_layer_identity.models.registrations import load_registrations
from django_layer_identity.protocol.explain import ERROR, Inspection
from django_layer_identity.protocol.identifiers import AppID, ProviderID
from django_layer_identity.protocol.validation import VerifiedIdentity, accept
from django_layer_identity.sandbox.state import random_nonce

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

APP_ID = UUID("7e570000-0000-4000-8000-000000000001")
PROVIDER_ID = UUID("7e570000-0000-4000-8000-000000000002")
KEY_ID = UUID("7e570000-0000-4000-8000-000000000003")
ENCRYPTION_KEY = "made up for tests by django_layer_identity"

_ROOT = "layer_identity_sandbox:root"
_PREFIX = "layer-sandbox/"
_MEDIA_TYPE = "application/vnd.layer+json; version=2.0"
_TIMEOUT = 30  # seconds


def layer_settings(**changes: Any) -> dict[str, Any]:
    """
    Return the present ``LAYER_IDENTITY`` with the changes, for use in one test.

    If the project has no ``KEY_ENCRYPTION_KEYS``, one is made up. Rate limits are off:
    users of different tests may have the same primary key, and then share a counter.
    """
    present = dict(getattr(settings, "LAYER_IDENTITY", {}))
    present["THROTTLE_RATES"] = dict.fromkeys(DEFAULT_THROTTLE_RATES)
    if not conf.KEY_ENCRYPTION_KEYS:
        present["KEY_ENCRYPTION_KEYS"] = [ENCRYPTION_KEY]
    return {**present, **changes}


def create_layer_app() -> LayerApp:
    """
    Return the Layer app for tests. Create it if it does not exist.

    :raises RuntimeError: outside of Django's or pytest-django's tests.
    """
    _require_tests()
    return LayerApp.objects.get_or_create_exact(
        name="Tests",
        app_id=AppID(APP_ID, "production"),
        provider_id=ProviderID(PROVIDER_ID),
    )


def create_layer_key(app: LayerApp | None = None) -> SigningKey:
    """
    Return the public test key, active for the app. Create it if it does not exist.

    It takes a few milliseconds: no key is generated, and the only file that is read is
    parsed once in a process. ``KEY_ENCRYPTION_KEYS`` must have an entry, as in
    :func:`layer_settings`.

    :param app: without it, the app of :func:`create_layer_app`.
    :raises RuntimeError: outside of Django's or pytest-django's tests.
    :raises KeyStateError: if the app has another active key, or has this one but not
        active: activate it, or use another app.
    """
    _require_tests()
    app = app or create_layer_app()
    using = router.db_for_write(SigningKey)
    same = SigningKey.objects.using(using).filter(
        app=app, fingerprint=TEST_KEY_FINGERPRINT
    )
    active = SigningKey.objects.get_active_pk(app.pk, using)
    if (stored := same.first()) and stored.pk == active:
        return stored
    if stored or active:
        raise KeyStateError(
            f"The Layer app {app} already has "
            + ("this key, but it is not active." if stored else "another active key.")
        )
    key = SigningKey.from_private_key(app, _test_key(), key_id=KEY_ID)
    key.active_for = app
    key.tested_at = key.activated_at = timezone.now()
    # activate() would test the key, and parse it for that in every test.
    models.Model.save(key, using=using)
    LayerApp.objects.freeze(app.pk, using)
    return key


def _require_tests() -> None:
    """Refuse to store a key that everyone knows in a database that is not for tests."""
    if not hasattr(mail, "outbox"):  # Django sets it when its test environment begins
        raise RuntimeError(
            "django_layer_identity.testing works only in tests that Django or "
            "pytest-django runs."
        )


@cache
def _test_key() -> PrivateKey:
    file = files("django_layer_identity.keys") / "public_test_key.pem"
    return read_private_key(file.read_bytes())


def new_nonce() -> str:
    """Return a new nonce in the form of Layer's nonces. The sandbox does not know it."""
    return random_nonce()


def assert_identity_token(
    response_or_token: object,
    /,
    *,
    user: AbstractBaseUser | str | None = None,
    nonce: str | None = None,
    app: LayerApp | None = None,
    **claims: Any,
) -> VerifiedIdentity:
    """
    Check that Layer would accept the identity token, and return its content.

    :param response_or_token: a response of the endpoint, from Django's test client or any
        HTTP client whose responses have ``status_code`` and ``json()``; an
        ``IssuedToken``; or the token.
    :param user: the user, or the Layer user ID, that the token must be for.
    :param nonce: the nonce that it must have.
    :param app: the Layer app that it must be for.
    :param claims: other claims that it must have, by name. None means that the claim
        must be absent.
    :raises AssertionError: with everything that is wrong, and what to do.
    """
    __tracebackhide__ = True  # pytest shows the line of the test
    token = _token_of(response_or_token)
    inspection = load_registrations().inspect(token, app, nonce)
    findings = list(inspection.run())
    if any(finding.severity == ERROR for finding in findings):
        _fail(
            "Layer would not accept this identity token:",
            (f"{each.message} {each.hint} ({each.code})" for each in findings),
        )
    identity = accept(inspection)
    differences = [] if user is None else _user_differences(user, identity, inspection)
    differences += [
        f"{name} is {identity.claims.get(name)!r}, not {expected!r}."
        for name, expected in claims.items()
        if identity.claims.get(name) != expected
    ]
    if differences:
        _fail("Layer would accept this identity token, but:", differences)
    return identity


def _fail(title: str, lines: Iterable[object]) -> NoReturn:
    __tracebackhide__ = True
    raise AssertionError("\n".join([title, *(f"* {line}" for line in lines)]))


def _token_of(response_or_token: Any) -> object:
    __tracebackhide__ = True
    if not hasattr(response_or_token, "status_code"):
        return getattr(response_or_token, "token", response_or_token)
    try:
        body = response_or_token.json()
    except ValueError:
        body = {}
    body = body if isinstance(body, Mapping) else {}
    status, code = response_or_token.status_code, body.get("code")
    if status == 200 and "identity_token" in body:
        return body["identity_token"]
    refusal = refusals_by_code().get(str(code))
    text = [body.get("detail"), refusal.advice] if refusal else [_WRONG_RESPONSE]
    name = f" ({code})" if refusal else ""
    _fail(f"The response has no identity token. Its status is {status}{name}:", text)


_WRONG_RESPONSE = (
    "It is not a response of the endpoint. Compare the URL with your urls.py."
)


def _user_differences(
    user: AbstractBaseUser | str, identity: VerifiedIdentity, inspection: Inspection
) -> list[str]:
    expected = user if isinstance(user, str) else _current_user_id(user, inspection)
    if identity.user_id == expected:
        return []
    if expected is None:
        return [f"{user} has no Layer user ID; the token is for {identity.user_id!r}."]
    return [f"It is for the Layer user ID {identity.user_id!r}, not {expected!r}."]


def _current_user_id(user: AbstractBaseUser, inspection: Inspection) -> str | None:
    """Return the user's Layer user ID in the app of the token."""
    app_id = AppID.parse(inspection.key.app_id)  # type: ignore[union-attr]  # accepted
    entries = LayerUser.objects.using(router.db_for_write(LayerUser))
    current = entries.filter(app__app_id=app_id.uuid, current_for=user.pk)
    return current.values_list("user_id", flat=True).first()


class Sandbox:
    """The sandbox on a server that is running, as a client sees it."""

    def __init__(self, server_url: str) -> None:
        #: The address for the ``url`` of Layer's SDKs.
        self.url = f"{server_url}{reverse(_ROOT)}"

    def create_nonce(self) -> str:
        """Return a new nonce, which the sandbox accepts once."""
        nonce: str = self._post("nonces", {})["nonce"]
        return nonce

    def open_session(self, token: str, app: LayerApp | None = None) -> str:
        """
        Sign in with the identity token, and return the session token.

        :raises AssertionError: if the sandbox refuses the token, with the reason.
        """
        __tracebackhide__ = True
        app_id = str((app or create_layer_app()).identifier)
        answer = self._post("sessions", {"identity_token": token, "app_id": app_id})
        session_token: str = answer["session_token"]
        return session_token

    def _post(self, name: str, body: dict[str, str]) -> dict[str, Any]:
        __tracebackhide__ = True
        url = urlsplit(f"{self.url}{name}")
        connection = HTTPConnection(url.netloc, timeout=_TIMEOUT)
        headers = {"Accept": _MEDIA_TYPE, "Content-Type": "application/json"}
        try:
            connection.request("POST", url.path, json.dumps(body), headers)
            response = connection.getresponse()
            status, content = response.status, response.read()
        finally:
            connection.close()
        try:
            answer: dict[str, Any] = json.loads(content)
        except ValueError:
            text = f"The status is {status}. {_KEEP_SANDBOX}"
            _fail("The sandbox did not answer:", [text])
        if status != 201:
            text = f"{answer.get('message')} ({status})"
            _fail("The sandbox refused the request:", [text])
        return answer


_KEEP_SANDBOX = "Change LAYER_IDENTITY only with layer_settings(SANDBOX=True, ...)."


def sandbox_settings() -> dict[str, Any]:
    """
    Return the settings with which a test server has a sandbox.

    If the project's URLs have none, it is added at ``/layer-sandbox/``.
    """
    changed = {"LAYER_IDENTITY": layer_settings(SANDBOX=True)}
    try:
        reverse(_ROOT)
    except NoReverseMatch:
        return {**changed, "ROOT_URLCONF": _with_sandbox(settings.ROOT_URLCONF)}
    return changed


def _with_sandbox(project: Any) -> ModuleType:
    resolver = get_resolver(project)
    urls = ModuleType("django_layer_identity.testing.urls")
    sandbox = path(_PREFIX, include("django_layer_identity.sandbox.urls"))
    # Not include(project): it may have i18n_patterns(), which only a root URLconf may have.
    vars(urls)["urlpatterns"] = [sandbox, *resolver.url_patterns]
    for status in (400, 403, 404, 500):
        vars(urls)[f"handler{status}"] = resolver.resolve_error_handler(status)
    return urls


class LayerTestMixin:
    """
    Give a test case a Layer app, its key and a nonce; for those that use the database.

    In a live server test case, :attr:`layer_sandbox` is the sandbox on its server.
    """

    layer_app: LayerApp
    layer_key: SigningKey

    def setUp(self) -> None:
        super().setUp()  # type: ignore[misc]  # of the test case
        self._override(LAYER_IDENTITY=layer_settings())
        self.layer_app = create_layer_app()
        self.layer_key = create_layer_key(self.layer_app)

    @cached_property
    def layer_nonce(self) -> str:
        """A nonce; one of the sandbox's if the test has used it before."""
        has_sandbox = "layer_sandbox" in vars(self)
        return self.layer_sandbox.create_nonce() if has_sandbox else new_nonce()

    @cached_property
    def layer_sandbox(self) -> Sandbox:
        """The sandbox on the server of a live server test case."""
        self._override(**sandbox_settings())
        server: Any = self
        return Sandbox(server.live_server_url)

    def assertIdentityToken(
        self, response_or_token: object, /, **expected: Any
    ) -> VerifiedIdentity:
        """Call :func:`assert_identity_token`."""
        __tracebackhide__ = True
        return assert_identity_token(response_or_token, **expected)

    def _override(self, **changes: Any) -> None:
        override = override_settings(**changes)
        override.enable()
        case: Any = self
        case.addCleanup(override.disable)
