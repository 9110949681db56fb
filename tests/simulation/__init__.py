"""Deterministic simulation: the real client and the real gateway in virtual time, with faults from one seed.

Run seeds with `python -m tests.simulation --seeds 1..500`; it prints the summary. Repeat one, with everything that
happened, with `python -m tests.simulation --seed 77 --log`.
"""
