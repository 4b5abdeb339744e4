"""The tests' project with django-auditlog and django-easy-audit, on SQLite."""

from __future__ import annotations

import os
import re
import textwrap

from tests.pages import page
from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "auditlog", "easyaudit"]
AUDITLOG_INCLUDE_ALL_MODELS = True
# Otherwise each package logs the other's entries, in an endless loop.
AUDITLOG_EXCLUDE_TRACKING_MODELS = ["easyaudit"]
DJANGO_EASY_AUDIT_UNREGISTERED_CLASSES_EXTRA = ["auditlog.LogEntry"]

EXCLUDE = "TEST_CHANGE_LOGS_EXCLUDE" in os.environ

if EXCLUDE:
    [recipe] = re.findall(
        r"^\.\. code-block:: python\n   :caption: settings.py\n\n((?:   .*\n|\n)+)",
        page("other-packages").read_text(),
        re.MULTILINE,
    )
    names = {}
    exec(textwrap.dedent(recipe), names)  # noqa: S102
    AUDITLOG_EXCLUDE_TRACKING_MODELS += names["AUDITLOG_EXCLUDE_TRACKING_MODELS"]
    DJANGO_EASY_AUDIT_UNREGISTERED_CLASSES_EXTRA += names[
        "DJANGO_EASY_AUDIT_UNREGISTERED_CLASSES_EXTRA"
    ]
