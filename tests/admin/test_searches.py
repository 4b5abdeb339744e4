"""A private key that is pasted into a search box."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.contrib.admin import AdminSite
from pytest_django.asserts import assertContains

from django_layer_identity.keys.secrets import Secret
from tests.admin.pages import KEYS, messages_of

LISTS = [
    KEYS,
    "/admin/layer_identity/layerapp/",
    "/admin/layer_identity/layeruser/",
    "/admin/layer_identity_audit/auditentry/",
]
PASTED = "-----BEGIN RSA PRIVATE KEY-----MIIEogIBAAKCAQEA"
each_list = pytest.mark.parametrize(
    "address", LISTS, ids=lambda path: path.split("/")[3]
)


@each_list
def test_a_search_for_a_private_key_redirects_to_the_list(admin_client, address):
    response = admin_client.get(address, {"q": PASTED})

    assert (response.status_code, response.url) == (302, address)
    assert messages_of(response) == [
        "The search was not run: its text is longer than 200 characters or contains a "
        "private key. If you pasted a private key, the server's access log now contains "
        "it. Treat the key as disclosed, and revoke it."
    ]


@each_list
def test_the_private_key_is_removed_from_the_request(admin_client, address):
    query = {"q": PASTED, "_popup": "1"}

    request = admin_client.get(address, query).wsgi_request

    assert request.GET.dict() == {"_popup": "1"}
    assert request.get_full_path() == f"{address}?_popup=1"
    assert "MIIEogIBAAKCAQEA" not in f"{request!r} {request.META}"


def test_no_copy_of_the_query_is_left_in_the_request(admin_client):
    query = "q=-----BEGIN+RSA+PRIVATE+KEY-----MIIEogIBAAKCAQEA&_popup=1"
    raw = {"RAW_URI": f"{KEYS}?{query}", "REQUEST_URI": f"{KEYS}?{query}"}

    request = admin_client.get(f"{KEYS}?{query}", **raw).wsgi_request

    assert request.META["RAW_URI"] == f"{KEYS}?_popup=1"
    assert request.META["REQUEST_URI"] == f"{KEYS}?_popup=1"


def test_no_copy_of_the_query_is_left_in_the_scope_of_asgi(admin_user, async_client):
    async_client.force_login(admin_user)

    response = async_to_sync(async_client.get)(KEYS, {"q": PASTED, "_popup": "1"})

    assert response.asgi_request.scope["query_string"] == b"_popup=1"


def test_a_search_for_200_characters_is_run(admin_client):
    assert admin_client.get(KEYS, {"q": "x" * 200}).status_code == 200


def test_a_search_for_more_than_200_characters_is_not_run(admin_client):
    assert admin_client.get(KEYS, {"q": "x" * 201}).url == KEYS


@each_list
def test_a_truncated_private_key_is_still_refused(admin_client, address):
    assertContains(admin_client.get(address), 'name="q" maxlength="201"')


@each_list
@pytest.mark.parametrize("name", ["o", "p"])
def test_other_long_parameters_do_not_fail(admin_client, address, name):
    assert admin_client.get(address, {name: "9" * 301}, follow=True).status_code == 200


def test_private_keys_and_passphrases_are_wrapped_before_the_login_check(
    admin_client, monkeypatch
):
    seen = {}

    def has_permission(site, request):
        seen.update(request.POST.items())
        return False

    monkeypatch.setattr(AdminSite, "has_permission", has_permission)
    posted = {"private_key": "a", "passphrase": "b", "key_id": "c" * 400}
    admin_client.post(f"{KEYS}add/", posted)

    assert [type(value) for value in seen.values()] == [Secret, Secret, str]
