"""
Count in a cache that all processes share.

Windows of fixed length follow one another, so that a count is one atomic step of Redis
or Memcached; at the turn of a window twice the rate may get through.
"""

from __future__ import annotations

import math
import time

from django.core.cache import caches
from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables

from django_layer_identity.conf import conf, parse_rate
from django_layer_identity.exceptions import ConfigurationError, Unavailable

Rate = tuple[int, int]  # how many in how many seconds


class Counter:
    """What somebody has used up of a rate, in the current window."""

    def __init__(self, scope: str, rate: Rate, digest: str) -> None:
        self.limit, period = rate
        now = time.time()
        self.wait = max(1, math.ceil(period - now % period))  # seconds
        self.cache = caches[conf.NONCE_CACHE_ALIAS]
        self.key = f"layer_identity:{scope}:{period}:{now // period:.0f}:{digest}"
        self.lifetime = 2 * period

    def is_used_up(self) -> bool:
        return bool(self.cache.get(self.key, 0) >= self.limit)

    def count(self) -> bool:
        """Count one more, and tell whether it is one too many."""
        try:
            count = self.cache.incr(self.key)
        except ValueError:  # it is the first
            if self.cache.add(self.key, 1, self.lifetime):
                return False
            count = self.cache.incr(self.key)  # another was a moment earlier
        if count is False:  # pymemcache, of a server that is down
            raise ConnectionError("The cache does not count.")
        return bool(count > self.limit)

    def take_back(self) -> None:
        self.cache.decr(self.key)


@sensitive_variables()
def digest_of(kind: str, value: str) -> str:
    """Return what somebody is recognised by; the cache holds no logins or addresses."""
    salt = f"django_layer_identity.{kind}"
    return salted_hmac(salt, value, algorithm="sha256").hexdigest()


def rate_of(scope: str) -> Rate | None:
    """
    Return the rate that the settings have for a scope.

    :raises Unavailable: if it is none; ``manage.py check`` has said so.
    """
    try:
        rate = conf.THROTTLE_RATES[scope]
        return None if rate is None else parse_rate(rate)
    except ConfigurationError as exc:
        raise Unavailable from exc
