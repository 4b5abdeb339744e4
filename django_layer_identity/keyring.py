"""After a change of ``KEY_ENCRYPTION_KEYS``: every private half under its first entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import router
from django.db.models import QuerySet

from django_layer_identity.exceptions import DecryptionError, NotFound
from django_layer_identity.models.key_life import SigningKey


@dataclass
class Reencryption:
    """What was done, and what each row that could not be decrypted says."""

    reencrypted: int = 0
    unchanged: int = 0
    failures: list[str] = field(default_factory=list)


def reencrypt_private_keys(
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Reencryption:
    """
    Encrypt each stored private half with the first entry, unless it is so already.

    Each key is a transaction of its own, and damaged ones are left as they are: whether
    it was interrupted or failed for some, the same again goes on where it was.

    :param progress: is told after each key how many are done, and of how many.
    :raises ConfigurationError: if there is no entry, or one too short.
    """
    done = Reencryption()
    keys = SigningKey.objects.using(router.db_for_write(SigningKey))
    stored = keys.exclude(encrypted_private_key="").order_by("pk")
    pks = list(stored.values_list("pk", flat=True))
    for number, pk in enumerate(pks, start=1):
        _reencrypt(keys.filter(pk=pk), done)
        progress(number, len(pks))
    return done


def _reencrypt(keys: QuerySet[SigningKey], done: Reencryption) -> None:
    try:
        changed = keys.get().reencrypt_private_key()
    except (SigningKey.DoesNotExist, NotFound):
        return  # deleted a moment ago
    except DecryptionError as exc:
        done.failures.append(str(exc))
    else:
        done.reencrypted += changed
        done.unchanged += not changed
