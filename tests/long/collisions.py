"""Run ``layer_user_collisions`` on a million users with planted groups."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from pathlib import Path

from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import override_settings

from tests.services import routing

NEEDS = ("postgresql",)
USERS = 1_000_000
MAX_GROWTH = 250  # MB
INTERVAL = 0.02  # seconds between two memory measurements

#: Spellings of one e-mail address or phone number, by their difference.
SPELLINGS = {
    "same": ["same-{0}@example.com"] * 3,
    "case": ["case-{0}@example.com", "Case-{0}@example.com", "CASE-{0}@EXAMPLE.COM"],
    "Unicode form": ["é-{0}@a.com", "e\u0301-{0}@a.com", "é-{0}＠a.com"],
    "phone format": ["+44207{0:03}0000", "+44 20 7{0:03}-0000", "0044207{0:03}0000"],
}
UNUSABLE = ["", "   ", "None", "x" * 129, "a\x07b"]


def run(scale):
    token = routing.database.set("postgresql")
    try:
        with override_settings(LAYER_IDENTITY={"USER_ID": "email"}):
            return _run(round(USERS * scale))
    finally:
        routing.database.reset(token)


def _run(count):
    groups, unusable = _plant(count)
    with _Memory() as memory, tempfile.TemporaryFile("w+") as file:
        started = time.monotonic()
        problem = _search(file)
        seconds = time.monotonic() - started
        file.seek(0)
        found = [json.loads(line) for line in file]
    assert problem.startswith(f"Users: {count}. ")
    found_groups = [one for one in found if "users" in one]
    assert _as_sets(found_groups) == groups
    assert {one["pk"] for one in found if "reason" in one} == unusable
    assert memory.growth < MAX_GROWTH
    return [
        f"{count:,} users in {seconds:.1f} s: {count / seconds:,.0f} users a second",
        f"memory: {memory.growth:.0f} MB above the {memory.start:.0f} MB at the start",
        f"groups: {len(groups):,} planted, {len(found_groups):,} found, the same",
        f"users without a usable ID: {len(unusable):,} planted, and found",
        f"the command's last line: {problem}",
    ]


def _search(file):
    try:
        call_command("layer_user_collisions", "--json", stdout=file)
    except CommandError as exc:
        return str(exc)
    raise AssertionError("The command found no problem.")


def _as_sets(groups):
    return {
        (group["difference"], frozenset(user["pk"] for user in group["users"]))
        for group in groups
    }


def _plant(count):
    """Create users; give some of them addresses that collide or are unusable."""
    with connections["postgresql"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO auth_user (id, username, email, password, first_name, last_name,"
            " is_active, is_staff, is_superuser, date_joined)"
            " SELECT n, 'user-' || n, 'user-' || n || '@example.com', '!', '', '',"
            " true, false, false, now() FROM generate_series(1, %s) AS n",
            [count],
        )
    each = count // 4000
    pks = iter(range(1, count, count // (each * 16)))
    planted, groups, unusable = [], set(), set()
    for kind, spellings in SPELLINGS.items():
        for number in range(each):
            size = 3 if number % 5 == 0 else 2
            users = [
                User(pk=next(pks), email=one.format(number)) for one in spellings[:size]
            ]
            groups.add((kind, frozenset(user.pk for user in users)))
            planted += users
    for number in range(each):
        user = User(pk=next(pks), email=UNUSABLE[number % len(UNUSABLE)])
        unusable.add(user.pk)
        planted.append(user)
    User.objects.bulk_update(planted, ["email"], batch_size=1000)
    return groups, unusable


class _Memory:
    """The process's memory in MB: at the start, and the maximum since then."""

    def __enter__(self):
        self.start = self.most = _resident()
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._measure)
        self._watch.start()
        return self

    def __exit__(self, *args):
        self._done.set()
        self._watch.join()

    @property
    def growth(self):
        return self.most - self.start

    def _measure(self):
        while not self._done.wait(INTERVAL):
            self.most = max(self.most, _resident())


def _resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000
