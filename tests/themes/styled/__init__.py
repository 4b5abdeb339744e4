"""The recipe of the page "other-packages" for django-unfold."""
