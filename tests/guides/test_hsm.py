from __future__ import annotations

from django.conf import settings

from tests.guide_pages import commands


def test_only_the_deployment_is_left_to_configure(warnings):
    assert warnings == ["layer_identity.W041", "layer_identity.W040"]


def test_the_signer_is_added_to_the_other_settings():
    ours = settings.LAYER_IDENTITY

    assert ours["USER_ID"] == "username"
    assert list(ours["SIGNERS"]) == ["hsm-2026"]


def test_the_key_is_generated_in_the_module_of_the_settings():
    options = settings.LAYER_IDENTITY["SIGNERS"]["hsm-2026"]["OPTIONS"]
    [generate] = [line for line, _ in commands("hsm") if line.startswith("pkcs11-tool")]

    assert f"--module {options['MODULE']} " in generate
