"""A ledger with a million entries: query plans, and times relative to an empty ledger."""

from __future__ import annotations

import json
import statistics
import time
from contextlib import contextmanager
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections
from django.test.utils import CaptureQueriesContext, override_settings

from django_layer_identity import keyring
from django_layer_identity.models import LayerApp, LayerUser
from django_layer_identity.models.issuing import get_for_issuing
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.endpoint import phone_of
from tests.services import routing

NEEDS = ("postgresql",)
ROUNDS = 40
CALLS = 5  # per ledger in a round

USERS = """
INSERT INTO auth_user (username, email, password, first_name, last_name,
    is_superuser, is_staff, is_active, date_joined)
SELECT 'user' || n, 'user' || n || '@example.com', '', '', '', false, false, true, now()
FROM generate_series(1, %s) AS n
"""
ENTRIES = """
INSERT INTO layer_identity_layeruser (app_id, user_id, digest, owner_id, current_for_id,
    created_at, reassignment_reason)
SELECT %s, username, encode(sha256(convert_to(username, 'UTF8')), 'hex'), id, id,
    now(), ''
FROM auth_user
"""
# An empty table beside the full one, with the same indexes and constraints.
EMPTY = """
CREATE SCHEMA empty;
CREATE TABLE empty.layer_identity_layeruser
    (LIKE public.layer_identity_layeruser INCLUDING ALL);
ALTER TABLE empty.layer_identity_layeruser
    ADD FOREIGN KEY (app_id) REFERENCES layer_identity_layerapp DEFERRABLE,
    ADD FOREIGN KEY (owner_id) REFERENCES auth_user DEFERRABLE,
    ADD FOREIGN KEY (current_for_id) REFERENCES auth_user DEFERRABLE
"""
SCHEMAS = {"empty": "empty, public", "full": "public"}


def run(scale):
    size = round(1_000_000 * scale)
    token = routing.database.set("postgresql")
    unthrottled = {**settings.LAYER_IDENTITY, "THROTTLE_RATES": {"user": None}}
    try:
        with (
            override_settings(LAYER_IDENTITY=unthrottled),
            _ledgers(size) as connection,
        ):
            app = LayerApp.objects.get()
            plans = _plans(connection, app, User.objects.first())
            alice = User.objects.get(username="alice")
            next_ = _ratio(connection, lambda: alice)
            first = _ratio(connection, _newcomer)
    finally:
        routing.database.reset(token)
    return [f"{size:,} entries on PostgreSQL", *plans, *_figures(next_, first)]


@contextmanager
def _ledgers(size):
    connection = connections["postgresql"]
    app = LayerApp.objects.create(name="M", app_id=APP_ID, provider_id=PROVIDER_ID)
    keyring.generate_private_key(app, key_id=KEY_ID, activate=True)
    with connection.cursor() as cursor:
        cursor.execute(USERS, [size])
        cursor.execute(ENTRIES, [app.pk])
        cursor.execute(EMPTY)
        cursor.execute("ANALYZE")
    User.objects.create(username="alice")
    for schemas in SCHEMAS.values():
        _use_schemas(connection, schemas)
        _ask(User.objects.get(username="alice"))
    try:
        yield connection
    finally:
        _use_schemas(connection, "public")
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA empty CASCADE")


def _use_schemas(connection, schemas):
    with connection.cursor() as cursor:
        cursor.execute(f"SET search_path = {schemas}")


def _ask(user):
    """Return the endpoint's response time in seconds."""
    client, body = phone_of(user), {"nonce": uuid4().hex}
    begun = time.perf_counter()
    response = client.post("/layer/authenticate", body, format="json")
    taken = time.perf_counter() - begun
    assert response.status_code == 200, response.content
    return taken


def _newcomer():
    return User.objects.create(username=f"new-{uuid4()}")


def _ratio(connection, user):
    """Return, for each round, the time with a full ledger / with an empty one."""
    ratios = []
    for number in range(ROUNDS):
        taken = {}
        # Alternate the order, so that neither ledger has the warmer cache.
        for name in list(SCHEMAS)[:: 1 if number % 2 else -1]:
            _use_schemas(connection, SCHEMAS[name])
            taken[name] = sum(_ask(user()) for _ in range(CALLS))
        ratios.append(taken["full"] / taken["empty"])
    _use_schemas(connection, "public")
    return ratios


def _plans(connection, app, user):
    """Return how PostgreSQL finds an entry; raise an error if it does not use the index."""
    lookups = {
        "layer_identity_user_current": lambda: get_for_issuing(None, user.pk),
        "layer_identity_user_digest": lambda: LayerUser.objects.find(app, "user7"),
    }
    lines = []
    for index, look_up in lookups.items():
        with CaptureQueriesContext(connection) as captured:
            look_up()
        [query] = captured.captured_queries
        nodes = list(_nodes(_explain(connection, query["sql"])))
        assert nodes == [("Index Scan", index)], nodes
        lines.append(f"Index Scan using {index}")
    return lines


def _explain(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + sql.replace("%", "%%"))
        [[plan]] = cursor.fetchall()
    return (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]


def _nodes(plan):
    """Yield how the plan reads the ledger's table."""
    if plan.get("Relation Name") == LayerUser._meta.db_table:
        yield plan["Node Type"], plan.get("Index Name")
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _figures(next_, first):
    for what, ratios in (("next", next_), ("first", first)):
        median = statistics.median(ratios)
        yield f"a user's {what} token: {median:.2f} times as long as with an empty ledger"
