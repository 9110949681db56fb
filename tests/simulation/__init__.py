"""Deterministic simulation: the real client and the real gateway in virtual time, with faults from one seed.

    python -m tests.simulation --seeds 1..500     run them, print the summary
    python -m tests.simulation --seed 77 --log    repeat one, with everything that happened
"""
