"""The recipe of ``docs/other-packages.rst`` for django-unfold."""
