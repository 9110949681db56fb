"""Which files of tests begin first where several processes share them: the longest, so that none is left over at the end."""

import pytest

# By seconds of a processor, as the end of `make test` prints them, and by the clock where a test waits for programs; the
# others take less than ten.
FIRST = (
    "tests/simulation/test_simulation.py",
    "tests/conformance/engines/test_rabbitmq.py",
    "tests/nodes/test_operations.py",
    "tests/nodes/test_workers.py",
    "tests/nodes/test_drain.py",
    "tests/nodes/test_balancers.py",
    "tests/cli/test_demo.py",
    "tests/gateway/test_tokens_in_session.py",
    "tests/fuzz/test_fuzz.py",
    "tests/target/test_targets.py",
    "tests/packaging/test_amalgamation.py",
    "tests/ctest/test_ctest.py",
    "tests/packaging/test_install.py",
    "tests/corpus/test_corpus.py",
    "tests/target/test_traces.py",
    "tests/ctest/test_mutants.py",
    "tests/project/test_wheel.py",
    "tests/micropython/test_compact.py",
    "tests/micropython/test_types.py",
    "tests/ctest/test_analyze.py",
    "tests/proof/test_proof.py",
    "tests/core/test_ring_threads.py",
    "tests/simulation/test_mutants.py",
    "tests/simulation/test_fleet.py",
    "tests/session/test_coverage.py",
    "tests/cli/test_send.py",
    "tests/cli/test_tail.py",
    "tests/client/test_delivery.py",
    "tests/client/test_life.py",
    "tests/twin/test_lockstep.py",
    "tests/twin/test_traces.py",
    "tests/capture/test_chaos.py",
)


def longest_first(items: list[pytest.Item]) -> None:
    """Sort whole files; within a file nothing changes."""
    rank = {path: number for number, path in enumerate(FIRST)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))
