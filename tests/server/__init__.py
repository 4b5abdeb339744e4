"""The project under test as people run it: several processes, and clients outside."""
