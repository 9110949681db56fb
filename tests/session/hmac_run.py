"""The program of test_hmac_sha256.py: on a board and under CPython, in a folder as a board has it. Common subset."""

# mypy: ignore-errors

import sys

from flight_client import hmac_sha256

LOADED = "flight_client.sha256" in sys.modules  # before the cases load it themselves

from tests.session.hmac_cases import run  # noqa: E402 - as said

print("own" if hmac_sha256._best.__name__ == "OwnSha256" else "interpreter's", run(), LOADED)
