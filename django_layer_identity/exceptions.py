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


class SurveyFailed(LayerIdentityError):
    """The survey of all users cannot write its temporary file."""


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

    ``code`` is stable: clients may depend on it. ``detail`` tells the app's developer
    or user what is wrong and what to do. ``advice`` tells the operator what the refusal
    means and what to do. The exception's cause (``__cause__``) has more details for
    operators, and is written to the log only.
    """

    code: str
    detail: str
    advice: str = ""
    field: str | None = None  # the request parameter that is wrong
    is_server_error = False  # the cause is on the server; logged as an error
    needs_operator = False  # neither the app's developer nor its user can mend it

    def __init__(self, detail: str | None = None) -> None:
        if detail is not None:
            self.detail = detail
        super().__init__(self.detail)


# The request


class BodyMalformed(Refusal):
    """The body does not match its content type, or breaks a rule of the endpoint."""

    code = "parse_error"
    detail = "The body could not be parsed. Send JSON or a form, in UTF-8."
    advice = (
        "The app sent a malformed request, so its developer must correct the app. The "
        "response says what is wrong."
    )


class UserIDNotString(BodyMalformed):
    """The client sent a ``user_id`` of another type, such as a number or a list."""

    detail = "The parameter “user_id” must be a string."
    field = "user_id"


class LengthRequired(Refusal):
    """The body is sent in chunks, without a ``Content-Length``."""

    code = "length_required"
    detail = "Send the body with a Content-Length, not in chunks."
    advice = (
        "The app, or a proxy in front of your server, sent the body in chunks "
        "(Transfer-Encoding). Change it to send a Content-Length."
    )


class BodyTooLarge(Refusal):
    """The body is larger than 16 KiB."""

    code = "body_too_large"
    detail = "The body must not be larger than 16 KiB."
    advice = (
        "The app sent more than a nonce, IDs and credentials, so its developer must "
        "correct the app."
    )


class MethodNotAllowed(Refusal):
    """The method is not allowed."""

    code = "method_not_allowed"
    detail = "Only POST is allowed here."
    advice = (
        "The app used another method, or followed a redirect that turned POST into GET, "
        "for example from http to https. Correct the URL or the method in the app."
    )


class MediaTypeUnsupported(Refusal):
    """The content type is unknown, or the body has a ``Content-Encoding``."""

    code = "unsupported_media_type"
    detail = (
        "Send application/json, a form or multipart/form-data, and no Content-Encoding."
    )
    advice = (
        "The app sent another content type or a compressed body, so its developer must "
        "correct the app."
    )


class Throttled(Refusal):
    """A rate limit is reached."""

    code = "throttled"
    detail = "Too many requests. Wait before the next one."
    advice = (
        "The user or the address has reached a rate limit: THROTTLE_RATES, or a throttle "
        "of REST framework. Raise the limit if it is too low for normal use. Many failed "
        "logins can be an attempt to guess passwords."
    )

    def __init__(self, wait: int | None) -> None:
        super().__init__()
        self.wait = wait  # seconds


# The nonce


class NonceMissing(Refusal):
    """The nonce is missing or empty."""

    code = "nonce_missing"
    detail = (
        "The nonce is missing. Send Layer's nonce in the top-level parameter “nonce”."
    )
    advice = (
        "The app sent no nonce, or sent it under another name or inside another object. "
        "Its developer must correct the app."
    )
    field = "nonce"


class NonceInvalid(Refusal):
    """The nonce cannot be from Layer."""

    code = "nonce_invalid"
    detail = "The nonce is not from Layer. Send it exactly as Layer gave it."
    advice = (
        "The app sent something other than Layer's nonce, or changed it. The log says "
        "what is wrong. The app's developer must correct the app."
    )
    field = "nonce"


class NonceHasSpaces(NonceInvalid):
    """The nonce has a space: a plus sign in a form body was not percent-encoded."""

    detail = "The nonce has a space: percent-encode “+” as %2B in a form body."
    advice = (
        "The app sent a form without percent-encoding, so “+” arrived as a space. Its "
        "developer must encode the form, or send JSON."
    )


class NonceAlreadyUsed(Refusal):
    """The nonce was already signed for another user."""

    code = "nonce_already_used"
    detail = "This nonce was used by another user. Ask Layer for a new one."
    advice = (
        "An identity token for another user has the same nonce. A few cases are harmless, "
        "for example on a shared device: the app asks Layer for a new nonce. If there are "
        "many, the app stores nonces, or copies of them are in use."
    )


class NonceGuardUnavailable(Refusal):
    """The replay guard's store is unavailable, so the nonce cannot be checked."""

    code = "nonce_guard_unavailable"
    detail = "The nonce could not be checked at the moment. Try again later."
    advice = (
        "The store of used nonces is unavailable, and NONCE_GUARD_FAILURE is “refuse”. "
        "Repair the cache that CACHE_ALIAS names, or the database if NONCE_GUARD is "
        "“database”."
    )
    is_server_error = True


# The Layer app


class AppIDRequired(Refusal):
    """Several Layer apps are enabled, and the request does not name one."""

    code = "app_id_required"
    detail = "Several Layer apps are enabled: name one in the parameter “app_id”."
    advice = (
        "The app did not say which Layer app it belongs to. Its developer must send "
        "“app_id”. If all but one Layer app are out of use, you can disable the others "
        "instead."
    )
    field = "app_id"


class AppUnknown(Refusal):
    """No enabled Layer app has this ID."""

    code = "app_unknown"
    detail = "No enabled Layer app has this app ID. Correct “app_id”."
    advice = (
        "The Layer app does not exist, is disabled or is of another environment, or no "
        "Layer app is enabled at all. Compare the app ID in the app with the Layer apps "
        "in the admin."
    )


# The user


class NotAuthenticated(Refusal):
    """The request has no valid credentials."""

    code = "not_authenticated"
    detail = "Log in first: the request has no valid credentials."
    advice = (
        "No authentication class found credentials in the request. If users who are "
        "logged in get this refusal, compare what the app sends with "
        "AUTHENTICATION_CLASSES."
    )


class AuthenticationFailed(Refusal):
    """The credentials are wrong, or the user is not a saved user of this project."""

    code = "authentication_failed"
    detail = "The credentials sent with the request were not accepted. Log in again."
    advice = (
        "The credentials are wrong or have expired, or they belong to something other "
        "than a saved user of this project. The log names the class that refused them. "
        "Many refusals from one address can be an attempt to guess passwords."
    )


class CSRFFailed(Refusal):
    """The session is valid, but Django's CSRF check failed."""

    code = "csrf_failed"
    detail = "The CSRF token is missing or wrong: send it in the X-CSRFToken header."
    detail_of_origin = (
        "The Referer or Origin header is missing, or is neither this site nor in "
        "CSRF_TRUSTED_ORIGINS."
    )
    advice = (
        "The log has Django's reason. If a token is missing, the web page's developer must "
        "send it. If the origin is not trusted, add it to CSRF_TRUSTED_ORIGINS, or correct "
        "the Host and X-Forwarded-Proto headers of your proxy."
    )

    def __init__(self, reason: str) -> None:
        is_origin = reason.startswith(("Referer", "Origin"))
        super().__init__(self.detail_of_origin if is_origin else None)
        # For the log. The query string of a Referer may contain secrets.
        self.__cause__ = LayerIdentityError(reason.partition("?")[0])


class UserInactive(Refusal):
    """The user's account is inactive."""

    code = "user_inactive"
    detail = "This user account is inactive. Only an administrator can activate it."
    advice = (
        "The user's account was deactivated. Activate it if the user may use the app."
    )


class NotPermitted(Refusal):
    """A permission class of the project refused the request."""

    code = "permission_denied"
    detail = "This user is not allowed to get an identity token. Do not try again."
    advice = (
        "A class in PERMISSION_CLASSES refused the user. The log names the class. If the "
        "user may use Layer, grant what that class requires."
    )


class UserIDMismatch(Refusal):
    """
    The client expects a different Layer user ID than the user has.

    ``user_id`` is the user's own ID. It is None if ``USER_ID`` gives random IDs and the
    user has none yet: the first request without ``user_id`` creates it.
    """

    code = "user_id_mismatch"
    detail = (
        "The “user_id” sent is not the Layer user ID of the logged-in user. "
        "Deauthenticate from Layer first."
    )
    detail_without_id = (
        "The logged-in user does not have a Layer user ID yet: deauthenticate from Layer, "
        "and send the request without “user_id”."
    )
    advice = (
        "In the app, another user is still authenticated with Layer, or the app computes "
        "user IDs by itself. Its developer must deauthenticate from Layer when the user "
        "changes, and use the “user_id” that the endpoint returns."
    )

    def __init__(self, user_id: str | None) -> None:
        super().__init__(None if user_id else self.detail_without_id)
        self.user_id = user_id


class UserIDTaken(Refusal):
    """The Layer user ID belongs, or once belonged, to another user."""

    code = "user_id_taken"
    detail = (
        "The Layer user ID of this account belongs, or once belonged, to another user. "
        "An administrator must resolve this."
    )
    advice = (
        "USER_ID yields an ID that another user has or had. Find it under “Layer users” in "
        "the admin. If it belongs to this user, reassign it. If not, give this user "
        "another ID with layer_user_rename or, unless USER_ID_CHANGE is “keep”, change the "
        "value that USER_ID reads."
    )
    needs_operator = True


class UserIDChanged(Refusal):
    """The user's mapped ID has changed, and ``USER_ID_CHANGE`` forbids that."""

    code = "user_id_changed"
    detail = (
        "The Layer user ID of this account has changed, which is not allowed. An "
        "administrator must resolve this."
    )
    advice = (
        "USER_ID yields a different ID than the user has, and USER_ID_CHANGE is “refuse”. "
        "Restore the value in the user's account, or make the new ID the user's own with "
        "layer_user_rename."
    )
    needs_operator = True


class UserIDUnavailable(Refusal):
    """The user has no value that can be a Layer user ID."""

    code = "user_id_unavailable"
    detail = "This user has no usable Layer user ID. Complete or correct the account."
    advice = (
        "The value that USER_ID yields is missing, not verified or not valid. The log says "
        "why. Correct it in the user's account, or let USER_ID use a value that every "
        "user has."
    )
    needs_operator = True


class UserIDFailed(Refusal):
    """``USER_ID`` could not be computed, because of an error on the server."""

    code = "user_id_failed"
    detail = "The Layer user ID could not be determined. Try again later."
    advice = (
        "A setting such as USER_ID is wrong, or code that it names raised an error. The "
        "log has the error. The users concerned get no tokens until it is corrected."
    )
    is_server_error = True


# The server


class NoSigningKey(Refusal):
    """The Layer app has no active signing key."""

    code = "no_signing_key"
    detail = "Identity tokens cannot be signed at the moment. Try again later."
    advice = (
        "The Layer app has no active signing key, so its users get no tokens. Activate a "
        "key in the admin or with layer_key_activate."
    )
    is_server_error = True


class SigningFailed(Refusal):
    """The active signing key cannot be used."""

    code = "signing_failed"
    detail = "The identity token could not be signed. Try again later."
    advice = (
        "The active signing key or a setting cannot be used, so the app's users get no "
        "tokens. The log says which. Correct TOKEN_LIFETIME or CLOCK_SKEW, restore the "
        "entry of KEY_ENCRYPTION_KEYS that encrypted the key, repair the signing backend, "
        "or activate another key."
    )
    is_server_error = True


class Unavailable(Refusal):
    """The database or an authentication backend is unavailable."""

    code = "unavailable"
    detail = "The service is unavailable. Try again later."
    advice = (
        "The database, the session store or another service is unavailable, or "
        "authentication failed with an unexpected error. The log has the error. Repair "
        "the service that it names."
    )
    is_server_error = True


def refusals_by_code(refusal: type[Refusal] = Refusal) -> dict[str, type[Refusal]]:
    """Return the class of each code, also of classes outside of this package."""
    found: dict[str, type[Refusal]] = {}
    for kind in refusal.__subclasses__():
        # A subclass that inherits its code describes only a special case.
        own = {kind.code: kind} if "code" in vars(kind) else {}
        found = {**refusals_by_code(kind), **own, **found}
    return found
