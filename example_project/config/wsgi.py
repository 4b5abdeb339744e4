"""The WSGI application that ``runserver`` serves."""

from __future__ import annotations

import os

from django.core.signals import request_started
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()

from django_layer_identity.api.headers import mend_headers  # noqa: E402  (needs Django set up)

request_started.connect(mend_headers)
