"""All exceptions of the app. This module imports neither Django nor HTTP."""

from __future__ import annotations


class LayerIdentityError(Exception):
    """Base class: catch this to catch everything the app raises on purpose."""


class ConfigurationError(LayerIdentityError):
    """A setting in ``settings.LAYER_IDENTITY`` is missing or invalid."""


class InvalidIdentifier(LayerIdentityError, ValueError):
    """The text is not a Layer identifier of the expected kind."""


class InvalidClaims(LayerIdentityError, ValueError):
    """A claim breaks one of Layer's rules, so it cannot be in a token."""


class InvalidToken(LayerIdentityError, ValueError):
    """
    Layer would not accept the identity token.

    ``code`` is one of the ``eit_*`` codes of Layer's own validator. ``message`` says
    what is wrong and what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message


class InvalidKey(LayerIdentityError, ValueError):
    """The key is not an RSA key of an accepted size, or it cannot be read."""


class PassphraseNeeded(InvalidKey):
    """The private key is encrypted, and the passphrase is missing."""


class PassphraseWrong(InvalidKey):
    """The passphrase does not decrypt the private key."""


class SigningBackendError(LayerIdentityError):
    """A signing backend, such as an HSM, failed."""


class AppExists(LayerIdentityError):
    """Another Layer app with this app ID exists."""


class AppFrozen(LayerIdentityError):
    """A key of the Layer app has been active, so the app's IDs cannot change."""


class KeyExists(LayerIdentityError):
    """The Layer app already has a signing key with this public key or key ID."""


class KeyStateError(LayerIdentityError):
    """The state of the signing key does not allow the operation."""


class InvalidReason(LayerIdentityError, ValueError):
    """The reason is empty, too long, or holds a private key."""


class LedgerConflict(LayerIdentityError):
    """The ledger does not allow this Layer user ID for this user."""


class ImportFailed(LayerIdentityError):
    """Some lines of the file are invalid, so nothing was imported."""


class NotFound(LayerIdentityError, LookupError):
    """The given name does not match exactly one Layer app, signing key or user."""


class DecryptionError(LayerIdentityError):
    """A stored private key cannot be decrypted."""


class WrongEncryptionKey(DecryptionError):
    """``KEY_ENCRYPTION_KEYS`` lacks the entry that encrypted the private key."""


class DamagedCiphertext(DecryptionError):
    """The stored private key was altered or is incomplete."""


class SwappedCiphertext(DecryptionError):
    """The stored private key belongs to another signing key or Layer app."""


class Refusal(LayerIdentityError):
    """
    A request for an identity token was refused.

    ``code`` is stable: clients may depend on it. ``detail`` is the sentence for the
    caller. The exception's cause (``__cause__``) has details for operators, and is
    written to the log only.
    """

    code: str
    detail: str
    field: str | None = None  # the request parameter that is wrong
    is_server_error = False  # the cause is on the server; logged as an error

    def __init__(self, detail: str | None = None) -> None:
        if detail is not None:
            self.detail = detail
        super().__init__(self.detail)


class NonceMissing(Refusal):
    """The nonce is missing or empty."""

    code = "nonce_missing"
    detail = (
        "The nonce is missing. Send Layer's nonce in the top-level parameter “nonce”."
    )
    field = "nonce"


class NonceInvalid(Refusal):
    """The nonce cannot be from Layer."""

    code = "nonce_invalid"
    detail = "The nonce is not from Layer."
    field = "nonce"


class NonceAlreadyUsed(Refusal):
    """The nonce was already signed for another user."""

    code = "nonce_already_used"
    detail = "This nonce was used by another user. Ask Layer for a new one."


class NonceGuardUnavailable(Refusal):
    """The replay guard's store is unavailable, so the nonce cannot be checked."""

    code = "nonce_guard_unavailable"
    detail = "The nonce could not be checked at the moment. Try again later."
    is_server_error = True


class AppIDRequired(Refusal):
    """Several Layer apps are enabled, and the request does not name one."""

    code = "app_id_required"
    detail = "Several Layer apps are enabled: name one in the parameter “app_id”."
    field = "app_id"


class AppUnknown(Refusal):
    """No enabled Layer app has this ID."""

    code = "app_unknown"
    detail = "No enabled Layer app has this app ID."


class AuthenticationFailed(Refusal):
    """The credentials are wrong, or the user is not a saved user of this project."""

    code = "authentication_failed"
    detail = "The credentials sent with the request were not accepted."


class UserInactive(Refusal):
    """The user's account is inactive."""

    code = "user_inactive"
    detail = "This user account is inactive."


class UserIDMismatch(Refusal):
    """
    The client expects a different Layer user ID than the user has.

    ``user_id`` is the user's own ID. It is None if ``USER_ID`` gives random IDs and the
    user has none yet: the first request without ``user_id`` creates it.
    """

    code = "user_id_mismatch"
    detail = "The “user_id” sent is not the Layer user ID of the logged-in user."
    detail_without_id = "The logged-in user does not have a Layer user ID yet: send the request without “user_id”."

    def __init__(self, user_id: str | None) -> None:
        super().__init__(None if user_id else self.detail_without_id)
        self.user_id = user_id


class UserIDTaken(Refusal):
    """The Layer user ID belongs, or once belonged, to another user."""

    code = "user_id_taken"
    detail = "The Layer user ID of this account belongs to another user."


class UserIDChanged(Refusal):
    """The user's mapped ID has changed, and ``USER_ID_CHANGE`` forbids that."""

    code = "user_id_changed"
    detail = "The Layer user ID of this account has changed, which is not allowed."


class UserIDUnavailable(Refusal):
    """The user has no value that can be a Layer user ID."""

    code = "user_id_unavailable"
    detail = "This user has no usable Layer user ID."


class UserIDFailed(Refusal):
    """``USER_ID`` could not be computed, because of an error on the server."""

    code = "user_id_failed"
    detail = "The Layer user ID could not be determined. Try again later."
    is_server_error = True


class NoSigningKey(Refusal):
    """The Layer app has no active signing key."""

    code = "no_signing_key"
    detail = "Identity tokens cannot be signed at the moment. Try again later."
    is_server_error = True


class SigningFailed(Refusal):
    """The active signing key cannot be used."""

    code = "signing_failed"
    detail = "The identity token could not be signed. Try again later."
    is_server_error = True


class Unavailable(Refusal):
    """The database or an authentication backend is unavailable."""

    code = "unavailable"
    detail = "The service is unavailable. Try again later."
    is_server_error = True
