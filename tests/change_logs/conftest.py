from __future__ import annotations

import os

#: ``tests/test_change_logs.py`` runs these tests.
if os.environ["DJANGO_SETTINGS_MODULE"] != "tests.change_logs.settings":
    collect_ignore_glob = ["test_*"]
