"""“Try it” and “Explain a token” show what would happen, and record no token."""

from __future__ import annotations

import logging
import sys
from datetime import timedelta
from unittest.mock import Mock

import pytest
from django.contrib.admin import AdminSite
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.signals import got_request_exception
from django.db import OperationalError
from django.test import Client
from django.urls import include, path
from django.views.debug import ExceptionReporter
from pytest_django.asserts import assertContains, assertNotContains

from django_layer_identity import ledger
from django_layer_identity.admin.apps import LayerAppAdmin
from django_layer_identity.audit.models import AuditEntry
from django_layer_identity.issuing import issue_identity_token, preview_identity_token
from django_layer_identity.models import LayerApp, LayerUser, SigningKey, SpentNonce
from django_layer_identity.protocol.explain import explain_token
from django_layer_identity.sandbox import state
from django_layer_identity.signals import identity_token_issued, identity_token_refused
from tests import internals
from tests.admin.pages import history
from tests.conftest import APP_ID, PROVIDER_ID
from tests.endpoint import NONCE, configure
from tests.ledger.users import create_user

TRY = "/admin/layer_identity/layerapp/try/"
EXPLAIN = "/admin/layer_identity/layerapp/explain/"
OTHER = "try_identity_token_for_others"
SIGNATURE = "view_identity_token_signature"
BROKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0NyJ9.c2lnbmF0dXJl"


@pytest.fixture
def bob(db):
    return create_user("bob", first_name="Robert")


@pytest.fixture
def recorded(app):
    """Record the Layer user ID that the user's tokens have."""

    def record(user):
        ledger.import_user_id(app, user, user.username)
        return user

    return record


def try_it(client, app, **more):
    return client.post(TRY, {"app": app.pk, **more})


def explained(client, token, **more):
    return client.post(EXPLAIN, {"token": token, **more})


def codes(response):
    return [finding.code for finding in response.context["findings"]]


def everything():
    """Return all rows that issuing a token could write."""
    models = (LayerApp, SigningKey, LayerUser, SpentNonce, AuditEntry)
    return [list(model.objects.values()) for model in models]


# Try it


def test_a_token_for_oneself_is_shown_without_its_signature(staff, app, key):
    response = try_it(staff("try_identity_token"), app)

    assert response.status_code == 200
    assertContains(response, "Layer would accept the token of staff.")
    assertContains(response, "The sandbox would open a session. It opened none.")
    assertContains(response, f"layer:///providers/{PROVIDER_ID}")
    assertContains(response, f"layer:///keys/{key.key_id}")
    assertContains(response, "you do not have the permission to view it")
    assert response.context["token"].reveal().count(".") == 1
    assert not response.context["is_complete"]


def test_the_sizes_are_compared_with_layers_limits(staff, app, key):
    response = try_it(staff("try_identity_token"), app)

    claims = {claim.pop("name"): claim for claim in response.context["claims"]}
    assert claims["prn"] == {"value": "staff", "length": 5, "limit": 128}
    assert claims["iss"]["limit"] is None
    assert (claims["nce"]["length"], claims["nce"]["limit"]) == (88, 1024)
    assert response.context["length"] < response.context["max_length"] == 16384


def test_times_are_readable(staff, app, key):
    response = try_it(staff("try_identity_token"), app)

    claims = {claim["name"]: claim["value"] for claim in response.context["claims"]}
    assert claims["iat"].endswith(" UTC)")


def test_a_claim_that_is_a_mapping_is_shown_as_json(settings, staff, app, key):
    configure(settings, CLAIMS={"metadata": lambda context: {"role": "é"}})

    response = try_it(staff("try_identity_token"), app)

    claims = {claim["name"]: claim for claim in response.context["claims"]}
    assert claims["metadata"]["value"] == '{"role": "é"}'
    assert claims["metadata"]["length"] is None


def test_staff_with_the_permission_see_the_complete_token(staff, app, key, recorded):
    client = staff("try_identity_token", SIGNATURE)
    recorded(User.objects.get())

    response = try_it(client, app)

    token = response.context["token"].reveal()
    assert explain_token(token, keys=[key.as_known_key()], app=str(APP_ID)) == []
    assertContains(response, token)
    assertContains(response, "This token is a credential")


def test_the_signature_is_left_out_if_another_user_could_get_the_id(staff, app, key):
    response = try_it(staff("try_identity_token", SIGNATURE), app)

    assert response.context["token"].reveal().count(".") == 1
    assertContains(response, "another user could still get this Layer user ID")
    assertContains(response, "The ledger does not have this Layer user ID yet.")


@pytest.mark.parametrize("guard", ["cache", "database"])
def test_trying_records_nothing_but_the_history(
    settings, staff, app, key, bob, recorded, guard
):
    configure(settings, NONCE_GUARD=guard)
    client = staff("try_identity_token", OTHER, SIGNATURE)
    receive = Mock()
    identity_token_issued.connect(receive)
    identity_token_refused.connect(receive)
    try:
        for user in (bob, recorded(User.objects.get(username="staff"))):
            before = everything()
            nonces = try_it(client, app, user=user.username).context["claims"]
    finally:
        identity_token_issued.disconnect(receive)
        identity_token_refused.disconnect(receive)

    nonce = next(claim["value"] for claim in nonces if claim["name"] == "nce")
    assert everything() == before
    receive.assert_not_called()
    assert state.use_nonce(nonce)
    assert [entry.object_repr for entry in LogEntry.objects.all()] == ["Messenger"] * 2


def test_the_history_has_primary_keys_and_no_names(staff, app, key, bob, recorded):
    client = staff("try_identity_token", OTHER, SIGNATURE)

    try_it(client, app, user="bob")
    try_it(client, app, user=recorded(bob).username)
    bob.is_active = False
    bob.save()
    try_it(client, app, user="bob")

    tried = f"Tried an identity token for user {bob.pk}."
    assert history() == [
        f"{tried} It was refused: user_inactive.",
        f"{tried} It was shown completely.",
        f"{tried} It was shown without its signature.",
    ]


def test_the_log_has_who_tried_and_no_token(staff, app, key, bob, recorded, caplog):
    caplog.set_level(logging.INFO, logger="django_layer_identity")
    client = staff("try_identity_token", OTHER, SIGNATURE)
    recorded(bob)

    token = try_it(client, app, user="bob").context["token"].reveal()

    (record,) = caplog.records
    staff_pk = User.objects.get(username="staff").pk
    line = record.getMessage()
    assert line.startswith(f"Identity token tried: no refusal by={staff_pk} app=")
    assert f"user={bob.pk} " in line
    assert record.code == "tried"
    assert token not in line
    assert "bob" not in line


def test_the_log_has_the_error_behind_a_refusal(staff, app, caplog):
    caplog.set_level(logging.INFO, logger="django_layer_identity")

    try_it(staff("try_identity_token"), app)

    assert "Identity token tried: no_signing_key" in caplog.text
    assert "KeyStateError" in caplog.text


def test_a_refusal_says_what_to_do(staff, app):
    response = try_it(staff("try_identity_token"), app)

    assertContains(response, "staff would get no identity token.")
    assertContains(response, "<code>no_signing_key</code>", html=True)
    assertContains(response, "Identity tokens cannot be signed at the moment.")
    assertContains(response, "The Layer app Messenger has no active signing key.")
    assertContains(response, "with layer_key_activate")


def test_a_refusal_without_a_reason_is_shown(staff, app, key, bob, recorded):
    recorded(bob)
    bob.username = "robert"
    bob.save()
    create_user("bob")

    response = try_it(staff("try_identity_token", OTHER), app, user="bob")

    assertContains(response, "<code>user_id_taken</code>", html=True)
    assertNotContains(response, "<dt>Reason</dt>", html=True)


def test_a_disabled_app_is_refused(staff, app, key):
    LayerApp.objects.update(enabled=False)

    response = try_it(staff("try_identity_token"), app)

    assertContains(response, "<code>app_unknown</code>", html=True)


def test_a_token_that_layer_would_refuse_is_explained(settings, staff, app, key):
    configure(settings, CLOCK_SKEW=timedelta(minutes=-2))

    response = try_it(staff("try_identity_token"), app)

    assertContains(response, "Layer would refuse the token of staff.")
    assert codes(response) == ["eit_not_before"]
    assertContains(response, "The sandbox would open no session:")


def test_a_sandbox_that_loses_its_nonces_is_reported(settings, staff, app, key):
    dummy = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
    settings.CACHES = {"default": dummy}

    response = try_it(staff("try_identity_token"), app)

    assertContains(response, "The sandbox does not know its own nonce.")


def test_without_the_sandbox_the_nonce_is_random(settings, staff, app, key):
    configure(settings, SANDBOX=None)
    client, nonces = staff("try_identity_token"), []

    for _ in range(2):
        response = try_it(client, app, nonce=NONCE)
        claims = {claim["name"]: claim["value"] for claim in response.context["claims"]}
        nonces.append(claims["nce"])

    assertContains(response, "Its nonce is random, and Layer does not know it.")
    assertNotContains(response, "The sandbox")
    assert len({*nonces, NONCE}) == 3


def test_a_nonce_that_is_posted_is_ignored(staff, app, key):
    assertNotContains(try_it(staff("try_identity_token"), app, nonce=NONCE), NONCE)


def test_a_token_for_another_user_needs_its_own_permission(staff, app, key, bob):
    client = staff("try_identity_token")

    assertNotContains(client.get(TRY), 'name="user"')
    assert try_it(client, app, user="bob").status_code == 403
    assert history() == []


def test_a_token_for_another_user_is_shown(staff, app, key, bob):
    response = try_it(staff("try_identity_token", OTHER), app, user="bob")

    assertContains(response, "Layer would accept the token of bob.")
    assertContains(response, "Robert")


def test_without_a_name_the_token_is_for_oneself(staff, app, key):
    response = try_it(staff("try_identity_token", OTHER), app, user="")

    assertContains(response, "Layer would accept the token of staff.")


@pytest.mark.parametrize("name", ["bo", "BOB", "bob "])
def test_only_the_exact_login_name_finds_a_user(staff, app, key, bob, name):
    response = try_it(staff("try_identity_token", OTHER), app, user=name)

    assertContains(response, "No user logs in with this name.")
    assert history() == []


def test_a_login_name_of_several_users_is_refused(staff, app, key, bob, monkeypatch):
    client = staff("try_identity_token", OTHER)
    create_user("alice", first_name="Robert")
    monkeypatch.setattr(User, "USERNAME_FIELD", "first_name")

    assertContains(try_it(client, app, user="Robert"), "Several users log in")


@pytest.mark.parametrize("permissions", [[], [OTHER, SIGNATURE], ["change_layerapp"]])
def test_trying_needs_its_permission(staff, app, key, permissions):
    client = staff(*permissions)

    assert client.get(TRY).status_code == 403
    assert try_it(client, app).status_code == 403
    assert history() == []


def test_a_get_request_makes_no_token(staff, app, key):
    response = staff("try_identity_token").get(TRY, {"app": app.pk})

    assertContains(response, f'<option value="{app.pk}" selected>Messenger</option>')
    assert history() == []
    assert "token" not in response.context


def test_the_app_that_the_link_names_is_preselected(staff, app):
    other = LayerApp.objects.create(name="B", app_id=PROVIDER_ID, provider_id=APP_ID)

    page = staff("try_identity_token").get(TRY, {"app": other.pk})

    assertContains(page, f'<option value="{other.pk}" selected>B</option>', html=True)


def test_a_token_without_an_app_is_refused(staff, app, key):
    response = staff("try_identity_token").post(TRY)

    assertContains(response, "This field is required.")


@pytest.mark.parametrize("page", [TRY, EXPLAIN])
def test_a_post_without_the_csrf_token_is_refused(admin_user, app, key, page):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)

    response = client.post(page, {"app": app.pk, "token": BROKEN})

    assert response.status_code == 403
    assert history() == []


@pytest.mark.parametrize("page", [TRY, EXPLAIN])
def test_the_pages_are_for_staff_only(client, alice, page):
    client.force_login(alice)

    assert client.get(page).url == f"/admin/login/?next={page}"


@pytest.mark.parametrize("page", [TRY, EXPLAIN])
def test_the_pages_are_not_stored(admin_client, app, key, page):
    response = admin_client.post(page, {"app": app.pk, "token": BROKEN})

    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("page", [TRY, EXPLAIN])
def test_the_pages_need_no_inline_code(admin_client, app, key, page):
    content = admin_client.post(page, {"app": app.pk, "token": BROKEN}).content.decode()

    assert "<script>" not in content
    assert " style=" not in content
    assert " onclick=" not in content


@pytest.mark.parametrize(
    ("permission", "page", "tabs"),
    [
        ("try_identity_token", TRY, [("try", "Try it")]),
        ("explain_identity_token", EXPLAIN, [("explain", "Explain a token")]),
    ],
)
def test_a_tab_needs_its_permission(staff, permission, page, tabs):
    response = staff(permission).get(page)

    assert response.context["tabs"] == tabs
    assertContains(response, 'aria-current="page"')
    # The breadcrumbs have no link that these staff must not open.
    assertNotContains(response, 'href="/admin/layer_identity/"')


def test_the_tabs_are_links(admin_client, app):
    page = admin_client.get(TRY)

    assertContains(page, f'<a href="{TRY}" aria-current="page">Try it</a>', html=True)
    assertContains(page, f'<a href="{EXPLAIN}">Explain a token</a>', html=True)


def test_the_page_of_an_app_has_links_to_both_tabs(admin_client, app):
    page = admin_client.get(f"/admin/layer_identity/layerapp/{app.pk}/change/")

    assertContains(page, f'href="{TRY}?app={app.pk}"')
    assertContains(page, f'href="{EXPLAIN}?app={app.pk}"')


def test_the_page_of_an_app_has_no_link_without_the_permissions(staff, app):
    client = staff("view_layerapp")

    page = client.get(f"/admin/layer_identity/layerapp/{app.pk}/change/")

    assertNotContains(page, TRY)
    assertNotContains(page, EXPLAIN)


# A second admin site

second = AdminSite("second")
second.register(LayerApp, LayerAppAdmin)


class SecondSite:
    urlpatterns = [path("second/", second.urls), path("", include("tests.urls"))]


def test_a_second_admin_site_has_its_own_pages(settings, admin_client, app, key):
    settings.ROOT_URLCONF = SecondSite
    page = "/second/layer_identity/layerapp/try/"

    response = admin_client.post(page, {"app": app.pk})

    assertContains(response, "Layer would accept the token of admin.")
    assertContains(response, 'href="/second/layer_identity/layerapp/explain/"')
    assertNotContains(response, 'href="/admin/')


# The function behind it


def test_a_preview_is_the_token_that_would_be_issued(app, key, alice):
    preview = preview_identity_token(alice, app, NONCE, by=alice)

    issued = issue_identity_token(alice, NONCE)
    assert preview.token == issued.token
    assert preview.without_signature == issued.token.rpartition(".")[0]
    assert preview.token not in repr(preview)


def test_a_preview_of_a_recorded_user_says_so(app, key, alice, recorded):
    assert not preview_identity_token(alice, app, NONCE, by=alice).is_recorded

    recorded(alice)

    assert preview_identity_token(alice, app, NONCE, by=alice).is_recorded


def test_a_preview_does_not_count_as_use_of_the_key(
    app, key, alice, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        preview_identity_token(alice, app, NONCE, by=alice)

    key.refresh_from_db()
    assert key.last_used_at is None


def test_a_preview_does_not_use_up_its_nonce(app, key, alice, bob):
    preview_identity_token(alice, app, NONCE, by=alice)

    assert issue_identity_token(bob, NONCE).user_id == "bob"


# Explain


def test_every_problem_of_a_token_is_explained(staff, app, key):
    response = explained(staff("explain_identity_token"), BROKEN)

    assertContains(response, "Layer would refuse this token.")
    assert codes(response) == [
        finding.code for finding in explain_token(BROKEN, keys=[key.as_known_key()])
    ]
    assertContains(response, "The token lacks the claim “nce”.")
    assertContains(response, "<code>eit_claim_not_found</code>", html=True)


def test_a_token_that_layer_accepts_is_reported(staff, app, key, alice):
    token = issue_identity_token(alice, NONCE).token

    response = explained(
        staff("explain_identity_token"), token, app=app.pk, nonce=NONCE
    )

    assertContains(response, "Layer would accept this token.")
    assert codes(response) == []


def test_a_line_break_at_the_end_is_ignored(staff, app, key, alice):
    token = issue_identity_token(alice, NONCE).token

    response = explained(staff("explain_identity_token"), f"{token}\r\n")

    assert codes(response) == []


def test_app_and_nonce_are_compared(staff, app, key, alice):
    other = LayerApp.objects.create(name="B", app_id=PROVIDER_ID, provider_id=APP_ID)
    token = issue_identity_token(alice, NONCE, app=app).token

    response = explained(
        staff("explain_identity_token"), token, app=other.pk, nonce="other"
    )

    assert codes(response) == [  # the other app has no key, but a provider
        "layer_identity_key_of_other_app",
        "eit_provider_not_bound_to_app",
        "eit_nonce_not_found",
    ]


def test_a_warning_does_not_refuse_a_token(settings, staff, app, key, alice):
    token = issue_identity_token(alice, "a nonce").token

    response = explained(staff("explain_identity_token"), token)

    assertContains(response, "Layer would accept this token.")
    assert codes(response) == ["layer_identity_nonce_has_space"]


def test_an_explained_token_is_not_shown_again(staff, app, key):
    response = explained(staff("explain_identity_token"), BROKEN, nonce="a nonce here")

    assertNotContains(response, BROKEN[:20])
    assertNotContains(response, BROKEN[-12:])
    assertNotContains(response, "a nonce here")


def test_a_token_is_not_shown_again_beside_an_error(staff, app):
    response = explained(staff("explain_identity_token"), BROKEN, app="999")

    assertContains(response, "Select a valid choice.")
    assertNotContains(response, BROKEN[:20])


def test_an_empty_form_is_refused(staff, app):
    assertContains(
        explained(staff("explain_identity_token"), ""), "Paste the identity token."
    )


def test_explaining_stores_and_logs_nothing(staff, app, key, caplog):
    caplog.set_level(logging.DEBUG, logger="django_layer_identity")
    client = staff("explain_identity_token")
    before = everything()

    explained(client, BROKEN)

    assert everything() == before
    assert (history(), caplog.records) == ([], [])


def test_token_and_nonce_are_declared_as_sensitive(admin_client, app):
    request = explained(admin_client, BROKEN).wsgi_request

    assert request.sensitive_post_parameters == ("token", "nonce")


def test_a_token_in_the_address_is_not_read(staff, app, key):
    response = staff("explain_identity_token").get(EXPLAIN, {"token": BROKEN})

    assertNotContains(response, "Layer would")
    assertNotContains(response, BROKEN[:20])


@pytest.mark.parametrize("permissions", [[], ["try_identity_token", "view_layerapp"]])
def test_explaining_needs_its_permission(staff, app, permissions):
    client = staff(*permissions)

    assert client.get(EXPLAIN).status_code == 403
    assert explained(client, BROKEN).status_code == 403


@pytest.fixture
def reports(admin_client):
    """The error reports of the client's requests."""
    found = []

    def report(request, **kwargs):
        reporter = ExceptionReporter(request, *sys.exc_info())
        found.append(reporter.get_traceback_text() + reporter.get_traceback_html())

    admin_client.raise_request_exception = False
    got_request_exception.connect(report)
    yield found
    got_request_exception.disconnect(report)


def fail(*args, **kwargs):
    raise OperationalError("disk I/O error")


@pytest.mark.parametrize("debug", [True, False])
def test_an_error_report_has_neither_token_nor_nonce(
    settings, admin_client, app, key, monkeypatch, debug, reports
):
    settings.DEBUG = debug
    monkeypatch.setattr("django_layer_identity.admin.tokens.load_registrations", fail)

    explained(admin_client, BROKEN, nonce="a nonce here")

    (text,) = reports
    assert "disk I/O error" in text
    assert BROKEN not in text
    assert "a nonce here" not in text


@pytest.mark.parametrize("place", internals.ADMIN_AFTER_PREVIEW)
def test_an_error_report_does_not_have_the_complete_token(
    settings, admin_client, admin_user, app, key, recorded, monkeypatch, place, reports
):
    settings.DEBUG = True
    recorded(admin_user)
    token = try_it(admin_client, app).context["token"].reveal()
    monkeypatch.setattr(place, fail)

    try_it(admin_client, app)

    (text,) = reports
    header = token.partition(".")[0]
    assert "disk I/O error" in text
    assert header not in text


def test_the_four_permissions_exist(db):
    names = ["explain_identity_token", "try_identity_token", OTHER, SIGNATURE]

    found = Permission.objects.filter(
        content_type__app_label="layer_identity", codename__in=names
    )

    assert sorted(found.values_list("codename", flat=True)) == sorted(names)
