"""A pytest plugin: run the tests with another build of the core in place of flight_client._core.

`FLIGHT_TEST_CORE=path/to/_core.abi3.so python -m pytest -p tests.packaging.other_core tests/wire`
"""

import importlib.util
import os
import sys

import flight_client

SPEC = importlib.util.spec_from_file_location("flight_client._core", os.environ["FLIGHT_TEST_CORE"])
assert SPEC is not None
assert SPEC.loader is not None
assert "flight_client._core" not in sys.modules, "something has loaded the usual core already"
CORE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(CORE)
sys.modules["flight_client._core"] = CORE
flight_client._core = CORE  # what `import flight_client._core` would have done


def pytest_report_header() -> str:
    return f"core: {CORE.__file__}"
