"""Optional app: one row for each token that was issued or refused to a user."""
