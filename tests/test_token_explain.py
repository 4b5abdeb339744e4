"""``layer_token_explain`` says why Layer would refuse a token."""

from __future__ import annotations

import io
import json
import sys

import pytest
from django.core.management import (
    CommandError,
    call_command,
    execute_from_command_line,
)
from jwt.utils import base64url_decode, base64url_encode

from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import APP_ID, OTHER_KEY_ID, PROVIDER_ID
from tests.endpoint import NONCE
from tests.sandbox.layer import ACCEPT, OTHER_APP_ID


@pytest.fixture
def token(key, alice):
    return issue_identity_token(alice, NONCE).token


@pytest.fixture
def explain(tmp_path, capsys):
    """Return a function that returns the output, the remark and the exit status."""

    def explain(content, **options):
        file = tmp_path / "token.txt"
        file.write_bytes(content.encode("utf-8", "surrogateescape"))
        status, remark = 0, ""
        try:
            call_command("layer_token_explain", str(file), **options)
        except CommandError as exc:
            status, remark = exc.returncode, str(exc)
        out, err = capsys.readouterr()
        return out, err or remark, status

    return explain


def test_a_good_token_is_accepted(explain, token):
    assert explain(token) == ("", "Layer would accept this token.\n", 0)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_line_break_at_the_end_of_the_file_does_not_count(explain, token, end):
    assert explain(token + end)[2] == 0


def test_the_byte_order_mark_of_the_file_does_not_count(explain, token):
    assert explain(f"\ufeff{token}")[2] == 0


def test_typographic_quotes_in_the_file_are_recognized(explain, token):
    assert explain(f"“{token}”")[0].startswith(
        "error: There are quotation marks around the token."
    )


def test_each_problem_is_printed_with_what_to_do(explain, token):
    assert explain(f'"{token}"', nonce="another") == (
        "error: There are quotation marks around the token.\n"
        "  Parse the response as JSON and pass the value of identity_token. "
        "(eit_malformed_base64url)\n"
        "error: The token's claim “nce” is not the nonce that the client got.\n"
        "  Issue a new token for each nonce, and pass the nonce unchanged. "
        "(eit_nonce_not_found)\n",
        "Layer would refuse this token.",
        1,
    )


def test_a_warning_does_not_make_it_fail(explain, key, token):
    key.retire()

    out, remark, status = explain(token)

    assert out.startswith("warning: The signing key that the token's “kid” names is ")
    assert (remark, status) == ("Layer would accept this token.\n", 0)


def test_json_is_a_list_of_findings(explain, token):
    out, _remark, status = explain("a.b", json=True)

    assert json.loads(out) == [
        {
            "code": "eit_wrong_jws_part_count",
            "severity": "error",
            "message": "An identity token must have three parts separated by dots, not "
            "2.",
            "hint": "The signature is missing. Pass the complete value of "
            "identity_token, nothing else.",
        }
    ]
    assert status == 1


def test_json_of_a_good_token_is_an_empty_list(explain, token):
    assert explain(token, json=True)[0] == "[]\n"


def test_the_app_of_the_session_can_be_named(explain, token):
    LayerApp.objects.create(name="Other", app_id=OTHER_KEY_ID, provider_id=PROVIDER_ID)

    assert explain(token, app=str(APP_ID))[0] == ""
    assert "layer_identity_key_of_other_app" in explain(token, app=str(OTHER_KEY_ID))[0]


@pytest.mark.parametrize(
    "options", [{"app": "no app ID"}, {"app": str(OTHER_KEY_ID)}], ids=["id", "unknown"]
)
def test_another_failure_has_another_status(explain, token, options):
    assert explain(token, **options)[2] == 2


def test_a_file_that_cannot_be_read_has_the_status_2(db, tmp_path):
    with pytest.raises(CommandError) as caught:
        call_command("layer_token_explain", str(tmp_path / "missing"))

    assert caught.value.returncode == 2


def test_the_token_can_come_from_standard_input(token, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{token}\n"))

    call_command("layer_token_explain", "-")

    assert capsys.readouterr().err == "Layer would accept this token.\n"


def test_bytes_that_are_not_text_are_explained_too(explain, db):
    assert explain("\udcff\udcfe")[2] == 1


def test_the_token_is_not_repeated(explain, token):
    assert token[-40:] not in "".join(map(str, explain(f"x{token}")))


def test_an_installation_without_keys_accepts_no_token(explain, token, key):
    key.retire()
    key.delete()

    assert "No key is known" in explain(token)[0]


def test_the_verdict_is_that_of_the_sandbox_also_for_an_app_without_keys(
    explain, token, client
):
    LayerApp.objects.create(name="Other", app_id=OTHER_APP_ID, provider_id=OTHER_KEY_ID)

    findings = json.loads(explain(token, app=str(OTHER_APP_ID), json=True)[0])
    response = client.post(
        "/sandbox/sessions",
        {"identity_token": token, "app_id": str(OTHER_APP_ID)},
        "application/json",
        headers={"accept": ACCEPT},
    )

    code = "eit_provider_not_bound_to_app"
    assert [f["code"] for f in findings if f["severity"] == "error"] == [code]
    assert response.json()["data"]["code"] == code


def test_the_provider_of_an_app_without_keys_is_known(explain, app, token, key):
    other = LayerApp(name="B", app_id=OTHER_APP_ID, provider_id=OTHER_KEY_ID)
    other.save()
    header, claims, signature = token.split(".")
    changed = json.loads(base64url_decode(claims))
    changed["iss"] = str(other.provider)
    claims = base64url_encode(json.dumps(changed).encode()).decode()

    out = explain(f"{header}.{claims}.{signature}", json=True)[0]

    codes = [finding["code"] for finding in json.loads(out)]
    assert codes == ["eit_signature_verification_failed", "eit_key_not_found"]


def test_a_key_with_a_damaged_public_key_is_logged_and_not_known(
    explain, token, key, caplog
):
    SigningKey.objects.update(public_key="damaged")

    assert "No key is known" in explain(token)[0]
    assert caplog.messages == [
        f"The public key of signing key {key} is damaged. Restore its row."
    ]


def test_wrong_settings_do_not_keep_a_token_from_being_explained(
    token, settings, tmp_path, capsys
):
    settings.LAYER_IDENTITY = {**settings.LAYER_IDENTITY, "USER_ID_CHANGE": "sometimes"}
    (tmp_path / "token").write_text(token)

    execute_from_command_line(
        ["manage.py", "layer_token_explain", str(tmp_path / "token")]
    )

    assert capsys.readouterr().err == "Layer would accept this token.\n"
