"""Real faults in real services: the correct error, and recovery without a restart."""
