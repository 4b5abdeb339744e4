"""Optional app: one row for each identity token that was issued or refused."""
