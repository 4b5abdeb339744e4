"""What breaks, with the real thing broken: honest answers, and recovery by itself."""
