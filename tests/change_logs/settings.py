"""The tests' project with django-auditlog and django-easy-audit, on SQLite."""

from __future__ import annotations

import os

from tests.pages import captioned
from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "auditlog", "easyaudit"]
AUDITLOG_INCLUDE_ALL_MODELS = True
# Otherwise each package logs the other's entries, in an endless loop.
AUDITLOG_EXCLUDE_TRACKING_MODELS = ["easyaudit"]
DJANGO_EASY_AUDIT_UNREGISTERED_CLASSES_EXTRA = ["auditlog.LogEntry"]

EXCLUDE = "TEST_CHANGE_LOGS_EXCLUDE" in os.environ

if EXCLUDE:
    names = {}
    exec(captioned("other-packages")["settings.py"], names)  # noqa: S102
    AUDITLOG_EXCLUDE_TRACKING_MODELS += names["AUDITLOG_EXCLUDE_TRACKING_MODELS"]
    DJANGO_EASY_AUDIT_UNREGISTERED_CLASSES_EXTRA += names[
        "DJANGO_EASY_AUDIT_UNREGISTERED_CLASSES_EXTRA"
    ]
