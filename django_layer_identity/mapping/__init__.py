"""From a Django user to Layer's user ID and claims."""
