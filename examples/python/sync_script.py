"""A script without asyncio: say something, be sure that it is stored, read the last lines.

FLIGHT_GATEWAY=... FLIGHT_TOKEN=... python sync_script.py TEXT
"""

import os
import sys

from flight_client import Log, NotStoredError, SyncClient

with SyncClient(os.environ["FLIGHT_GATEWAY"], token=os.environ["FLIGHT_TOKEN"], device_id="script") as client:
    try:
        client.publish("examples/script", Log(" ".join(sys.argv[1:]) or "hello"), timeout_s=30)
    except NotStoredError as error:
        sys.exit(f"not stored: {error}")
    for event in client.events("log", channels=["examples/script"], history=1, timeout_s=30):
        assert isinstance(event.data, Log)
        print(event.source.device_id, "said", event.data.text)
        break
