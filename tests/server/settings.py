"""The tests' settings with a test's changes, which are JSON in ``TEST_SERVER``."""

from __future__ import annotations

import json
import os

from tests.settings import *  # noqa: F403

ALLOWED_HOSTS = ["127.0.0.1"]
globals().update(json.loads(os.environ["TEST_SERVER"]))
