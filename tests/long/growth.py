"""
1,000 apps, 10,000 keys and a million users, ledger entries and audit entries.

Each measured call runs on the full tables and on nearly empty ones, in turns. At full
scale a token may take at most 1.15 times as long with the full ones.
"""

from __future__ import annotations

import gc
import json
import statistics
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from django_layer_identity.audit import recording
from django_layer_identity.digests import user_id_digest
from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.keys.rsa import PrivateKey
from django_layer_identity.keys.signers import MAX_APPS, MAX_KEYS
from django_layer_identity.models import LayerUser, SigningKey
from django_layer_identity.models.issuing import get_for_issuing
from tests.growth import PLANS, fill, look_ups
from tests.internals import clear_loaded_keys, stop_recording
from tests.services import routing
from tests.services.plans import plan_of

NEEDS = ("postgresql",)
APPS, KEYS, ROWS = 1_000, 10_000, 1_000_000
USERS = 20  # whose tokens are issued: those with entries in the small tables
ROUNDS = 100
LIMIT = 1.15
PAGES = {
    "front page": "/admin/layer_identity/",
    "apps": "/admin/layer_identity/layerapp/",
    "keys": "/admin/layer_identity/signingkey/",
    "Layer users": "/admin/layer_identity/layeruser/",
    "audit trail": "/admin/layer_identity_audit/auditentry/",
}


def run(scale):
    lines, slow = [], []
    for databases in (_postgresql, _sqlite):
        with databases() as (small, large):
            lines += _run(small, large, scale, slow)
    assert not slow or scale < 1, "\n".join([*lines, "Too slow:", *slow])
    return lines


def _run(small, large, scale, slow):
    apps, keys, rows = (round(count * scale) for count in (APPS, KEYS, ROWS))
    with _use(small):
        fill(apps=1, keys=1, rows=USERS)
    with _use(large):
        fill(apps=apps, keys=keys, rows=0)
        _fill(large, apps, rows)
    yield f"{large.display_name}: {apps:,} apps, {keys:,} keys, {rows:,} rows"
    yield from _plans(large, must_match=scale == 1)
    yield from _ratios(small, large, scale, slow)
    yield from _pages(small, large)
    with _use(large):
        yield _loaded_keys()


# Databases


@contextmanager
def _use(connection):
    """Let all queries go to this database."""
    token = routing.database.set(connection.alias)
    former, connections[connection.alias] = connections[connection.alias], connection
    try:
        yield
    finally:
        connections[connection.alias] = former
        routing.database.reset(token)


@contextmanager
def _postgresql():
    """Yield connections to an empty copy of the tests' database, and to itself."""
    large = connections["postgresql"]
    large.close()  # PostgreSQL copies no database with open connections
    large.creation.clone_test_db("small", verbosity=0)
    small = large.copy()
    small.settings_dict = large.creation.get_test_db_clone_settings("small")
    try:
        for connection in (small, large):
            with connection.cursor() as cursor:  # do not wait for the disk
                cursor.execute("SET synchronous_commit TO off")
        yield small, large
    finally:
        small.close()
        large.close()
        large.creation.destroy_test_db(suffix="small", verbosity=0)


@contextmanager
def _sqlite():
    """Yield connections to two files with the empty tables of the tests' database."""
    source = connections["default"]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        files = []
        for name in ("small", "large"):
            file = stack.enter_context(closing(source.copy()))
            file.settings_dict["NAME"] = Path(folder) / name
            file.settings_dict["OPTIONS"] = {"init_command": "PRAGMA synchronous = OFF"}
            file.ensure_connection()
            source.connection.backup(file.connection)
            files.append(file)
        yield files


# Rows, as tests.growth.fill() creates them, but a million in a minute


USERS_SQL = """
INSERT INTO auth_user (username, email, password, first_name, last_name,
    is_superuser, is_staff, is_active, date_joined)
WITH RECURSIVE series(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM series WHERE n < %s)
SELECT 'user' || n, '', '', '', '', false, false, true, CURRENT_TIMESTAMP FROM series
"""
ENTRIES_SQL = """
INSERT INTO layer_identity_layeruser (app_id, user_id, digest, owner_id, current_for_id,
    created_at, reassignment_reason)
SELECT app.id, owner.username, {sha256_of_username}, owner.id, owner.id,
    CURRENT_TIMESTAMP, ''
FROM auth_user AS owner
JOIN layer_identity_layerapp AS app ON app.name = 'App ' || (owner.id / 7 %% %s)
"""
AUDIT_SQL = """
INSERT INTO layer_identity_audit_auditentry (created_at, code, user_pk, impersonator_pk,
    app_id, fingerprint, nonce_digest, address)
SELECT {time}, CASE owner.id %% 10 WHEN 0 THEN 'user_id_taken' ELSE 'issued' END,
    '' || owner.id, '', 'layer:///apps/production/' || {app_id}, signing.fingerprint,
    entry.digest, '192.0.2.7'
FROM layer_identity_layeruser AS entry
JOIN auth_user AS owner ON owner.id = entry.owner_id
JOIN layer_identity_layerapp AS app ON app.id = entry.app_id
JOIN layer_identity_signingkey AS signing ON signing.id = %s + owner.id %% %s
"""
EXPRESSIONS = {
    "postgresql": {
        "sha256_of_username": "encode(sha256(convert_to(owner.username, 'UTF8')), 'hex')",
        "app_id": "app.app_id",
        "time": "now() - interval '30 days' * random()",
    },
    "sqlite": {
        "sha256_of_username": "sha256_hex(owner.username)",
        "app_id": "dashed(app.app_id)",
        "time": "datetime('now', (random() %% 1296000 - 1296000) || ' seconds')",
    },
}


def _fill(connection, apps, rows):
    first, last = (
        SigningKey.objects.order_by(order).values_list("pk", flat=True)[0]
        for order in ("pk", "-pk")
    )
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            connection.connection.create_function("sha256_hex", 1, user_id_digest)
            connection.connection.create_function("dashed", 1, lambda x: str(UUID(x)))
            cursor.execute("PRAGMA cache_size = -800000")  # KB, only while it is filled
        expressions = EXPRESSIONS[connection.vendor]
        cursor.execute(USERS_SQL, [rows - 1])
        cursor.execute(ENTRIES_SQL.format(**expressions), [apps])
        keys = [first, last - first + 1]
        cursor.execute(AUDIT_SQL.format(**expressions), keys)
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")  # as autovacuum does it
        else:
            cursor.execute("PRAGMA cache_size = -2000")  # the default


# Plans


def _plans(large, must_match):
    with _use(large):
        entry = LayerUser.objects.select_related("app", "owner").get(user_id="user7")
        for name, call in look_ups(entry).items():
            plan = plan_of(large.alias, call)
            assert plan == PLANS[name] or not must_match, (name, plan)
            yield f"  {name}: {', '.join(plan)}"


# Times


def _ratios(small, large, scale, slow):
    users = {small: _users(small, USERS), large: _users(large, round(ROWS * scale))}
    for name, (call, passes) in CALLS.items():
        if name == AUDITED:
            recording.connect()
        try:
            wall, cpu = _measure(
                partial(_seconds, call, users, passes), small, large, scale
            )
        finally:
            if name == AUDITED:
                stop_recording()
        line = f"  {name}: {wall:.2f} times as long, {cpu:.2f} times the CPU of Python"
        # PostgreSQL plans the query anew each time. With one app, it plans less.
        if (cpu if name == READ else max(wall, cpu)) > LIMIT:
            slow.append(line)
        yield line
    if large.vendor == "postgresql":
        for name, connection in (("nearly empty", small), ("full", large)):
            planning, execution = _server_times(connection, users[connection])
            yield f"  the server, {name}: {planning} to plan {READ}, {execution} to run it"


def _server_times(connection, users):
    """Return the medians of PostgreSQL's own times for the query of the token path."""
    taken = []
    with _use(connection), connection.cursor() as cursor:
        for user, app in users * 10:
            with CaptureQueriesContext(connection) as captured:
                _read(user, app)
            cursor.execute(
                f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {captured[0]['sql']}"
            )
            [[plan]] = cursor.fetchall()
            [found] = json.loads(plan) if isinstance(plan, str) else plan
            taken.append((found["Planning Time"], found["Execution Time"]))
    return [f"{statistics.median(times):.3f} ms" for times in zip(*taken, strict=True)]


def _users(connection, rows):
    """Return users from all parts of the table, each with the app of their entry."""
    with _use(connection):
        names = [f"user{n * (rows // USERS)}" for n in range(USERS)]
        entries = LayerUser.objects.select_related("app", "owner")
        return [(entry.owner, entry.app) for entry in entries.filter(user_id__in=names)]


def _read(user, app):
    assert get_for_issuing(str(app.app_id), user.pk).entry.user_id == user.username


def _find(user, app):
    assert LayerUser.objects.find(app, user.username).owner_id == user.pk


def _issue(user, app):
    issued = issue_identity_token(user, uuid4().hex, app=str(app.app_id))
    assert issued.user_id == user.username


READ = "get_for_issuing()"
AUDITED = "issue_identity_token() with the audit trail"
#: What is measured, and how often for each user in a round.
CALLS = {
    READ: (_read, 6),
    "find()": (_find, 6),
    "issue_identity_token()": (_issue, 2),
    AUDITED: (_issue, 2),
}


def _seconds(call, users, passes, connection):
    with _use(connection):
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(passes):
            for user, app in users[connection]:
                call(user, app)
        return time.perf_counter() - wall, time.process_time() - cpu


def _measure(seconds, small, large, scale):
    """Return the medians of large / small over all rounds, for both clocks."""
    for connection in (small, large):
        seconds(connection)  # compiles the query and loads the keys
    gc.collect()
    rounds = []
    for number in range(max(3, round(ROUNDS * scale))):
        # Alternate the order, so that neither has the warmer cache.
        order = (small, large) if number % 2 else (large, small)
        taken = {connection: seconds(connection) for connection in order}
        rounds.append([taken[large][clock] / taken[small][clock] for clock in (0, 1)])
    return [statistics.median(ratios) for ratios in zip(*rounds, strict=True)]


# The admin


def _pages(small, large):
    for name, path in PAGES.items():
        few, _ = _get(small, path)
        many, seconds = _get(large, path)
        yield f"  {name} in the admin: {many} queries, {seconds:.2f} s"
        assert many == few, (name, few, many)


def _get(connection, path):
    """Return the number of the page's queries, and how long the page takes."""
    with _use(connection):
        staff, _ = User.objects.get_or_create(
            username="staff", is_staff=True, is_superuser=True
        )
        client = Client()
        client.force_login(staff)
        with CaptureQueriesContext(connection) as captured:
            begun = time.perf_counter()
            response = client.get(path)
            seconds = time.perf_counter() - begun
    assert response.status_code == 200, response.status_code
    return len(captured), seconds


# Keys in memory


def _loaded_keys():
    """Load the keys of more apps than are cached; say how many stay in memory."""
    clear_loaded_keys()
    gc.collect()
    before = _count_keys()
    active = SigningKey.objects.filter(active_for__isnull=False)
    apps = 0
    for key in active.order_by("pk")[: 2 * MAX_APPS]:
        key.load_signer()
        apps += 1
    gc.collect()
    count = _count_keys() - before
    assert count == min(apps, MAX_APPS) <= MAX_APPS * MAX_KEYS, count
    return f"  private keys in memory after tokens of {apps} apps: {count}"


def _count_keys():
    return sum(isinstance(found, PrivateKey) for found in gc.get_objects())
