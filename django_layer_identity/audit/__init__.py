"""An opt-in app: a row for each identity token issued or refused, for the admin."""
