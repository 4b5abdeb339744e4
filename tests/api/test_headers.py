"""Headers that Django fails at before any view, and what ``mend_headers`` makes of them."""

from __future__ import annotations

from io import BytesIO

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.conf.urls.i18n import i18n_patterns
from django.core.asgi import get_asgi_application
from django.core.exceptions import (
    BadRequest,
    SuspiciousOperation,
    TooManyFieldsSent,
)
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.signals import request_started
from django.test import AsyncClient, Client
from django.urls import include, path
from django.utils import translation
from django.views import View
from rest_framework.test import force_authenticate

from django_layer_identity.api.views import IdentityTokenView
from tests.endpoint import (
    JSON,
    URL,
    not_authenticated,
    parse_error,
    phone_of,
    read,
    refusal,
)
from tests.fuzz.project import headers_mended
from tests.urls import urlpatterns as tests_urls
from tests.work import count_calls

CHARSET = parse_error("The body's charset is UTF-8.")
UNSUPPORTED = refusal(
    415,
    "unsupported_media_type",
    "Send application/json, a form or multipart/form-data, and no Content-Encoding.",
)
REFUSED = [  # a parameter of the content type, what the view says, does Django fail?
    ("charset*=bogus''utf-8", UNSUPPORTED, True),
    ("charset*=idna''utf-8", UNSUPPORTED, True),
    ("x*=undefined''y", UNSUPPORTED, True),
    ("x*=punycode''%80", UNSUPPORTED, False),  # newer Pythons read more of it
    ("charset*=utf-8''%00", UNSUPPORTED, True),
    ("charset*0=id; charset*1=na", UNSUPPORTED, True),
    ("charset*0*=bogus''na", UNSUPPORTED, True),
    ("charset=utf-8\x00", UNSUPPORTED, True),
    ("x*; x*0", UNSUPPORTED, True),
    ("charset*;charset*0", UNSUPPORTED, True),
    ("x*0*;x*", UNSUPPORTED, True),
    ("x=é", UNSUPPORTED, False),
    (f"x={'y' * 1024}", UNSUPPORTED, False),
    ("charset=zlib_codec", CHARSET, True),
    ("charset = idna", CHARSET, True),
    ("CHARSET=idna", CHARSET, True),
    ("charset=utf-8; charset=undefined", CHARSET, True),
    ('charset=""idna', CHARSET, True),
    ("charset='\"undefined", CHARSET, True),
    ('charset="punycode"', CHARSET, False),
    ("charset=iso-8859-1", CHARSET, False),
]
READ = ["charset=utf-8", 'charset="UTF-8"; x=y', "charset='utf8'", "charset=", "x=y"]
FAILURES = (ValueError, LookupError, TypeError, SuspiciousOperation, BadRequest)
QUERY = b"x=%80%3d"
BODY = '{"nonce": "abc"}'


class Other(View):
    """A view of the project's own."""


urlpatterns = [
    *tests_urls,
    path("other", Other.as_view()),
    *i18n_patterns(path("", include("django_layer_identity.urls"))),
]


@pytest.fixture
def phone(key, alice):
    return phone_of(alice)


@pytest.fixture
def mended():
    with headers_mended():
        yield


@pytest.mark.parametrize("parameter", [what for what, _, fails in REFUSED if fails])
def test_some_content_types_fail_in_django_before_any_view(phone, parameter):
    with pytest.raises(FAILURES):
        phone.generic("POST", f"{URL}?{QUERY.decode()}", BODY, f"{JSON}; {parameter}")


@pytest.mark.parametrize("address", [URL, f"{URL}?{QUERY.decode()}"])
@pytest.mark.parametrize(("parameter", "answer", "fails"), REFUSED)
@pytest.mark.usefixtures("mended")
def test_they_are_refused_once_mended(phone, address, parameter, answer, fails):
    response = phone.generic("POST", address, BODY, f"{JSON}; {parameter}")

    assert read(response) == answer


@pytest.mark.parametrize("parameter", READ)
@pytest.mark.usefixtures("mended")
def test_content_types_that_django_can_read_are_left_alone(phone, parameter):
    response = phone.generic("POST", URL, BODY, f"{JSON}; {parameter}")

    assert read(response)[0] == 200


@pytest.mark.usefixtures("mended")
def test_a_content_type_of_64_kib_costs_next_to_nothing(phone):
    quoted = f'{JSON}; x="{";" * 65_536}'

    response, calls = count_calls(phone.generic, "POST", URL, BODY, quoted)

    assert read(response) == UNSUPPORTED
    assert calls.total() < 100_000


def test_many_parameters_in_a_query_string_fail_in_django_before_any_view(phone):
    with pytest.raises(TooManyFieldsSent):
        phone.generic("POST", f"{URL}?{'&' * 1000}", BODY, f"{JSON}; charset=utf-8")


@pytest.mark.parametrize("count", [2, 999, 1000, 5000])
@pytest.mark.usefixtures("mended")
def test_once_mended_they_are_not_there(phone, count):
    address = f"{URL}?{'&' * count}"

    response = phone.generic("POST", address, BODY, f"{JSON}; charset=utf-8")

    assert read(response)[0] == 200


@pytest.mark.usefixtures("mended")
def test_a_project_without_a_limit_gets_them_all(phone, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = None
    address = f"{URL}?{'&' * 5000}"

    response = phone.generic("POST", address, BODY, f"{JSON}; charset=utf-8")

    assert response.wsgi_request.META["QUERY_STRING"] == "&" * 5000


@pytest.mark.django_db
@pytest.mark.usefixtures("mended")
def test_the_public_keys_are_shown_all_the_same():
    response = Client().generic(
        "GET", "/layer/jwks.json", content_type="x/y; charset*=bogus''x"
    )

    assert (response.status_code, response.json()) == (200, {"keys": []})


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.urls(__name__)
@pytest.mark.usefixtures("mended")
def test_addresses_below_a_language_are_ours_too(settings, phone, language):
    locale = "django.middleware.locale.LocaleMiddleware"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, locale]

    address, typed = f"/{language}/authenticate", f"{JSON}; charset*=bogus''x"

    with translation.override(
        None
    ):  # or the middleware's choice would outlive the test
        assert read(phone.generic("POST", address, BODY, typed)) == UNSUPPORTED


@pytest.mark.parametrize(
    ("cookie", "left"),
    [
        ('x="' + "\\a" * 1000 + '"', True),
        ('x="' + "\\a" * 1001 + '"', False),
        ("x=" + "a" * 8000, True),
    ],
)
@pytest.mark.usefixtures("mended")
def test_cookies_of_many_escapes_are_not_there(phone, cookie, left):
    response = phone.generic("POST", URL, BODY, JSON, headers={"Cookie": cookie})

    assert read(response)[0] == 200
    assert response.wsgi_request.META["HTTP_COOKIE"] == (cookie if left else "")


@pytest.mark.parametrize("address", ["/other", "/nowhere"])
@pytest.mark.urls(__name__)
@pytest.mark.usefixtures("mended")
def test_other_addresses_of_the_project_are_left_alone(address):
    with pytest.raises(FAILURES):
        Client().post(address, BODY, f"{JSON}; charset*=bogus''x")


def scope_of(*content_types, query=QUERY, root_path="", headers=()):
    """Return what an ASGI server says of a request."""
    typed = [(b"content-type", one.encode("latin-1")) for one in content_types]
    length = (b"content-length", str(len(BODY)).encode())
    return {
        "type": "http",
        "method": "POST",
        "path": f"{root_path}{URL}",
        "root_path": root_path,
        "query_string": query,
        "headers": [(b"host", b"testserver"), length, *typed, *headers],
    }


@pytest.fixture
def ask_asgi(key, alice):
    """Ask as alice; return status and body."""

    def ask(*content_types, **of):
        scope = scope_of(*content_types, **of)
        request_started.send(sender=ASGIHandler, scope=scope)
        request = ASGIRequest(scope, BytesIO(BODY.encode()))
        force_authenticate(request, alice)
        return read(IdentityTokenView.as_view()(request).render())

    return ask


async def exchange(scope):
    """Ask an ASGI application as a server does; return the status."""
    client = ApplicationCommunicator(get_asgi_application(), scope)
    await client.send_input({"type": "http.request", "body": BODY.encode()})
    start = await client.receive_output(5)
    await client.receive_output(5)
    await client.wait()
    return start["status"]


@pytest.mark.parametrize(("parameter", "answer", "fails"), REFUSED)
@pytest.mark.usefixtures("mended")
def test_a_stranger_is_answered_by_an_asgi_application(parameter, answer, fails):
    scope = scope_of(f"{JSON}; {parameter}")

    assert async_to_sync(exchange)(scope) == 403


@pytest.mark.usefixtures("mended")
def test_the_test_client_for_asgi_is_answered_as_ever():
    client = AsyncClient()

    response = async_to_sync(client.post)(URL, BODY, JSON)

    assert read(response) == not_authenticated()


@pytest.mark.parametrize(
    "parameter",
    ["charset*=bogus''utf-8", "x*=undefined''y", "charset=utf-8\x00", "x*; x*0"],
)
def test_some_of_them_fail_under_asgi_too(parameter):
    with pytest.raises(FAILURES):
        ASGIRequest(scope_of(f"{JSON}; {parameter}"), None)


@pytest.mark.parametrize("root_path", ["", "/mounted"])
@pytest.mark.parametrize(("parameter", "answer", "fails"), REFUSED)
@pytest.mark.usefixtures("mended")
def test_they_are_refused_under_asgi_once_mended(
    ask_asgi, parameter, answer, fails, root_path
):
    assert ask_asgi(f"{JSON}; {parameter}", root_path=root_path) == answer


@pytest.mark.parametrize("query", [b"", QUERY, b"\xff", b"&" * 5000])
@pytest.mark.usefixtures("mended")
def test_no_query_string_under_asgi_is_in_the_way(ask_asgi, query):
    assert ask_asgi(f"{JSON}; charset=utf-8", query=query)[0] == 200


@pytest.mark.parametrize("cookie", [b"x=y", b'x="' + b"\\a" * 3000 + b'"'])
@pytest.mark.usefixtures("mended")
def test_no_cookie_under_asgi_is_in_the_way(ask_asgi, cookie):
    assert ask_asgi(JSON, headers=[(b"cookie", cookie)])[0] == 200


@pytest.mark.usefixtures("mended")
def test_two_content_types_under_asgi_are_read_as_one_and_refused(ask_asgi):
    assert ask_asgi(JSON, "x/y; charset*=bogus''x") == UNSUPPORTED
