"""An engine of one's own has a scheme of its own."""

import pytest

from flight_client.errors import CallerError
from flight_client.gateway.engines import register_engine
from flight_client.gateway.engines.memory import MemoryEngine


@pytest.mark.parametrize("scheme", ["memory", "sqlite", "redis", "amqps", "", "a:b", "Own"])
def test_a_scheme_that_is_taken_or_no_word_is_refused(scheme: str) -> None:
    with pytest.raises(CallerError, match="scheme of its own"):
        register_engine(scheme, lambda _path, skip_records, limits: MemoryEngine(skip_records, limits))
