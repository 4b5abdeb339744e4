"""Identity tokens that connect a Django project's own users to Layer."""
