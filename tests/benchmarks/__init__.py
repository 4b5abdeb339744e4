"""
Benchmarks: ``make bench`` or ``python -m tests.benchmarks NAME``.

Each compares CPU times in one run, in interleaved rounds, and prints ratios. The absolute
times depend on the machine. Nothing fails if a ratio is high.
"""
