"""Concurrent counts in Redis and Memcached, and outages of these servers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.cache import caches
from rest_framework.authtoken.models import Token

from django_layer_identity.api.throttling import FixedWindowCounter
from tests.endpoint import ALICE, configure, log_in, read
from tests.server.caches import PrivateMemcached, PrivateRedis

pytestmark = pytest.mark.service

BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"
TOKEN = "rest_framework.authentication.TokenAuthentication"
THREADS = 8


@pytest.fixture(params=[PrivateRedis, PrivateMemcached], ids=["redis", "memcached"])
def server(request, settings):
    with request.param() as server:
        settings.CACHES = {"default": server.cache()}
        yield server
        hang_up()


def hang_up():
    """Close this thread's connections; garbage collection would warn."""
    cache = caches["default"]
    cache.close()
    for pool in getattr(cache._cache, "_pools", {}).values():
        pool.disconnect()


def count_concurrently(counts):
    """Count concurrently in several threads, and return all results."""
    barrier = Barrier(THREADS)

    def count(_):
        try:
            counter = FixedWindowCounter("user", (100, 86_400), "alice")
            barrier.wait(timeout=30)
            return [counter.count() for _ in range(counts)]
        finally:
            hang_up()

    with ThreadPoolExecutor(THREADS) as pool:
        return [result for each in pool.map(count, range(THREADS)) for result in each]


def test_concurrent_requests_get_through_up_to_the_rate(server):
    one_too_many = count_concurrently(50)

    assert (one_too_many.count(False), one_too_many.count(True)) == (100, 300)


def test_the_first_of_concurrent_counts_creates_the_entry(server):
    one_too_many = count_concurrently(1)

    assert one_too_many == [False] * THREADS
    counter = FixedWindowCounter("user", (THREADS, 86_400), "alice")
    assert counter.is_exhausted()


def test_a_refunded_count_can_be_used_again(server):
    counter = FixedWindowCounter("failures", (1, 86_400), "alice")

    results = [counter.count(), counter.count()]
    counter.undo()
    counter.undo()
    results.append(counter.count())

    assert results == [False, True, False]


def test_counts_expire(server):
    counter = FixedWindowCounter("user", (10, 1), "alice")

    counter.count()

    assert counter.lifetime == 2
    if isinstance(server, PrivateRedis):
        client = caches["default"]._cache.get_client()
        assert client.ttl(caches["default"].make_key(counter.key)) in (1, 2)


def test_a_cache_outage_stops_passwords_but_not_tokens(
    server, settings, key, alice, client
):
    configure(settings, AUTHENTICATION_CLASSES=[TOKEN, BODY])
    headers = {"Authorization": f"Token {Token.objects.create(user=alice).key}"}

    def answers():
        responses = log_in(client, {}, headers), log_in(client, ALICE)
        return [read(response)[0] for response in responses]

    assert answers() == [200, 200]

    server.stop()
    assert answers() == [200, 503]

    server.start()
    assert answers() == [200, 200]


def test_passwords_are_not_tried_after_twenty_wrong_ones(
    server, settings, key, alice, client
):
    configure(settings, AUTHENTICATION_CLASSES=[BODY])
    bodies = [{**ALICE, "password": "wrong"}] * 20 + [ALICE]

    statuses = [read(log_in(client, body))[0] for body in bodies]

    assert statuses == [403] * 20 + [429]


def test_a_memcached_client_that_hides_errors_does_not_hide_an_outage(
    settings, key, alice, client
):
    configure(settings, AUTHENTICATION_CLASSES=[BODY])
    with PrivateMemcached() as server:
        settings.CACHES = {"default": server.cache(ignore_exc=True)}
        assert read(log_in(client, ALICE))[0] == 200

        server.stop()
        assert read(log_in(client, ALICE))[0] == 503
        hang_up()
