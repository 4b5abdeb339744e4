"""The test project in production style: several processes and external clients."""
