"""Everything the app raises on purpose. Knows no HTTP and nothing of Django."""

from __future__ import annotations


class LayerIdentityError(Exception):
    """Base class: catch this to catch everything the app raises on purpose."""


class ConfigurationError(LayerIdentityError):
    """``settings.LAYER_IDENTITY`` misses something or holds a value of no use."""


class InvalidIdentifier(LayerIdentityError, ValueError):
    """The text is not a Layer identifier of the kind that belongs here."""


class InvalidClaims(LayerIdentityError, ValueError):
    """A claim breaks one of Layer's rules, so no token can carry it."""


class InvalidToken(LayerIdentityError, ValueError):
    """
    Layer would not accept the identity token.

    ``code`` is one of the ``eit_*`` codes of Layer's own validator; ``message`` says
    what is wrong and what to do about it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message


class InvalidKey(LayerIdentityError, ValueError):
    """What was pasted or uploaded is no RSA private key of an accepted size."""


class PassphraseNeeded(InvalidKey):
    """The private key is encrypted, and no passphrase was given."""


class PassphraseWrong(InvalidKey):
    """The passphrase does not open the private key."""


class CustodyError(LayerIdentityError):
    """What keeps a private key, outside this process, did not do what was asked."""


class AppExists(LayerIdentityError):
    """There is a Layer app with this app ID, and it is another one."""


class AppFrozen(LayerIdentityError):
    """The Layer app's IDs stay: a key of the app has been active."""


class KeyExists(LayerIdentityError):
    """The Layer app has a signing key with this public half or this key ID."""


class KeyStateError(LayerIdentityError):
    """The signing key's state does not allow what was asked of it."""


class InvalidReason(LayerIdentityError, ValueError):
    """The reason is empty, too long, or holds a private key."""


class LedgerConflict(LayerIdentityError):
    """The ledger does not allow that this user is given this Layer user ID."""


class AdoptionFailed(LayerIdentityError):
    """Lines of a file cannot be taken into the ledger, so none was."""


class NotFound(LayerIdentityError, LookupError):
    """No Layer app, signing key or user, or more than one, has the name given."""


class DecryptionError(LayerIdentityError):
    """A stored private key cannot be decrypted."""


class WrongEncryptionKey(DecryptionError):
    """The entry of ``KEY_ENCRYPTION_KEYS`` that encrypted it is not there."""


class DamagedCiphertext(DecryptionError):
    """What is stored was altered or cut off."""


class SwappedCiphertext(DecryptionError):
    """What is stored belongs to another signing key or another Layer app."""


class Refusal(LayerIdentityError):
    """
    An identity token was asked for and the answer is no.

    ``code`` is stable: clients may depend on it. ``detail`` is the sentence that the
    caller reads; the reason behind it, where there is more to say, is the exception's
    cause and goes to the log alone.
    """

    code: str
    detail: str
    field: str | None = None  # the request's parameter that is at fault
    fault_is_ours = False  # something to mend here, and not by the client

    def __init__(self, detail: str | None = None) -> None:
        if detail is not None:
            self.detail = detail
        super().__init__(self.detail)


class NonceMissing(Refusal):
    """There is no nonce, or an empty one."""

    code = "nonce_missing"
    detail = "Send the nonce that Layer gave as the top-level parameter “nonce”."
    field = "nonce"


class NonceInvalid(Refusal):
    """The nonce cannot be one that Layer gave."""

    code = "nonce_invalid"
    detail = "The nonce is not one that Layer gave."
    field = "nonce"


class NonceAlreadyUsed(Refusal):
    """Another user has had the nonce signed."""

    code = "nonce_already_used"
    detail = "This nonce is another user's. Ask Layer for a new one."


class NonceGuardUnavailable(Refusal):
    """Nobody can tell whose the nonce is: the guard's store does not answer."""

    code = "nonce_guard_unavailable"
    detail = "The nonce could not be checked at the moment. Try again later."
    fault_is_ours = True


class AppIDRequired(Refusal):
    """Several Layer apps are enabled and the request names none."""

    code = "app_id_required"
    detail = "Several Layer apps are enabled: name one in the parameter “app_id”."
    field = "app_id"


class AppUnknown(Refusal):
    """No enabled Layer app has that ID, whatever the reason."""

    code = "app_unknown"
    detail = "No enabled Layer app has this app ID."


class AuthenticationFailed(Refusal):
    """The caller is not a saved instance of the project's user model."""

    code = "authentication_failed"
    detail = "The credentials sent with the request were not accepted."


class UserInactive(Refusal):
    """The user's account is switched off."""

    code = "user_inactive"
    detail = "This user account is inactive."


class UserIDMismatch(Refusal):
    """
    The client expects another Layer user ID than the user has.

    ``user_id`` is the one that he has; None if the next token without an expectation
    makes it up.
    """

    code = "user_id_mismatch"
    detail = "The “user_id” sent is not the Layer user ID of the logged-in user."
    detail_without_id = "The Layer user ID of the logged-in user is yet to be made: ask without “user_id”."

    def __init__(self, user_id: str | None) -> None:
        super().__init__(None if user_id else self.detail_without_id)
        self.user_id = user_id


class UserIDTaken(Refusal):
    """The user's Layer user ID is, or was, another user's."""

    code = "user_id_taken"
    detail = "The Layer user ID of this account belongs to another user."


class UserIDChanged(Refusal):
    """The user's Layer user ID is another one now, and ``USER_ID_CHANGE`` forbids it."""

    code = "user_id_changed"
    detail = "The Layer user ID of this account has changed, which is not allowed."


class UserIDUnavailable(Refusal):
    """The user has no value that could be his Layer user ID."""

    code = "user_id_unavailable"
    detail = "This user has no usable Layer user ID."


class UserIDFailed(Refusal):
    """``USER_ID`` cannot be computed: a fault of the installation."""

    code = "user_id_failed"
    detail = "The Layer user ID could not be determined. Try again later."
    fault_is_ours = True


class NoSigningKey(Refusal):
    """The Layer app has no active signing key."""

    code = "no_signing_key"
    detail = "Identity tokens cannot be signed at the moment. Try again later."
    fault_is_ours = True


class SigningFailed(Refusal):
    """The active signing key cannot be used."""

    code = "signing_failed"
    detail = "The identity token could not be signed. Try again later."
    fault_is_ours = True


class Unavailable(Refusal):
    """The database, or whom authentication asks, does not answer."""

    code = "unavailable"
    detail = "The service is unavailable. Try again later."
    fault_is_ours = True
