"""Protocol mutants by hand: one rule of client or gateway is left out, and the simulation has to notice.

A mutant is a patch of the product's classes for the time of a run. Its target must exist: a mutant of what was renamed
is an error, not a survivor.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from . import mutants_of_delivery, mutants_of_sessions
from .world import run_seed

SEEDS = range(1, 61)  # tried until one notices

MUTANTS = {**mutants_of_delivery.MUTANTS, **mutants_of_sessions.MUTANTS}


# What these break comes about seldom, or never, by the faults of the simulation: a file of tests, or one of them, tells it
# as a story.
TESTS = {
    "no generation check": ("tests/simulation/test_stories.py", ""),
    "a fenced writer goes on": ("tests/simulation/test_found.py", ""),
    "a poll does not say it again": ("tests/simulation/test_found.py", ""),
    "device takes any number": ("tests/session/test_device_frames.py", ""),
    "device does not say what it had of an entry": (
        "tests/gateway/test_portions.py",
        "test_a_gateway_that_dies_between_two_portions_doubles_and_loses_nothing",
    ),
    "gateway ignores what was had of an entry": (
        "tests/gateway/test_portions.py",
        "test_a_new_subscription_begins_behind_what_was_had",
    ),
    "OPEN is not asked again": (
        "tests/session/test_device_channels.py",
        "test_open_goes_again_when_its_answer_is_overdue_and_only_then",
    ),
    "TOKEN is not sent again": (
        "tests/session/test_renewal.py",
        "test_a_token_whose_answer_is_lost_goes_again_on_the_same_transport",
    ),
    "TOKEN is lost with its transport": (
        "tests/session/test_renewal.py",
        "test_an_unanswered_token_goes_again_on_the_next_transport",
    ),
    "tags do not count lossy frames": (
        "tests/wire/test_tags.py",
        "test_unsequenced_data_passes_once_and_in_order_in_each_generation",
    ),
    "tags leave the poll number out": (
        "tests/gateway/test_authenticated.py",
        "test_a_repeated_frame_of_the_same_transport_is_stored_once",
    ),
    "the first retry is like the others": (
        "tests/session/test_policy.py",
        "test_the_first_retry_after_a_healthy_connection_is_uniform_over_the_spread",
    ),
    "the spread of a fleet is not heard": (
        "tests/session/test_policy.py",
        "test_the_spread_is_the_spec_s_until_a_gateway_says_another",
    ),
    "a line takes doubled frames": (
        "tests/transports/test_line.py",
        "test_a_doubled_lossy_frame_is_stored_once_without_a_device_key",
    ),
    "a token never ends": (
        "tests/gateway/test_tokens_in_session.py",
        "test_at_the_end_nothing_is_delivered_or_stored_and_a_new_token_brings_it_all",
    ),
    "expired events are sent": (
        "tests/session/test_device_gives_up.py",
        "test_a_packed_frame_whose_time_is_over_is_not_sent_again_and_skip_takes_its_number",
    ),
    "later retries forget the spread": (
        "tests/session/test_policy.py",
        "test_a_fleet_that_fails_again_stays_as_spread_as_it_was_announced",
    ),
}


@contextlib.contextmanager
def patched(name: str) -> Iterator[None]:
    """The product with this mutant."""
    patches = MUTANTS[name]()
    kept = [(target, attribute, getattr(target, attribute)) for target, attribute, _ in patches]
    for target, attribute, value in patches:
        setattr(target, attribute, value)
    try:
        yield
    finally:
        for target, attribute, value in kept:
            setattr(target, attribute, value)


def killed_by(name: str) -> str:
    """What noticed this mutant; an empty text when nothing did."""
    by_tests = _killed_by_tests(name, *TESTS[name]) if name in TESTS else ""
    if by_tests:
        return by_tests
    with patched(name):
        for seed in SEEDS:
            try:
                problems = run_seed(seed).problems
            except Exception as error:  # a mutant that breaks the run is noticed too
                problems = [f"{type(error).__name__}: {error}"]
            if problems:
                return f"seed {seed}: {problems[0]}"
    return ""


def _killed_by_tests(name: str, file: str, test: str) -> str:
    """The same with tests, in a process of its own: they are collected with the mutant in place."""
    tests = f"{file}::{test}" if test else file
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "tests.simulation.mutant_plugin", tests]
    done = subprocess.run(
        command, env={**os.environ, "FLIGHT_MUTANT": name}, capture_output=True, text=True, check=False
    )
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    return failed[0] if done.returncode == 1 and failed else ""
