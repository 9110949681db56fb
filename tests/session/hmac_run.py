"""The program of test_hmac_sha256.py: on a board and under CPython, in a folder as a board has it. Common subset."""

# mypy: ignore-errors

from flight_client import hmac_sha256
from tests.session.hmac_cases import run

print("own" if hmac_sha256._best is hmac_sha256.OwnSha256 else "interpreter's", run())
