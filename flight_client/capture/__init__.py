"""Sessions recorded to a file, and replayed from it without a network (docs/capture.md)."""

from flight_client.capture.record import Recorder
from flight_client.capture.replay import Difference, Report, replay

__all__ = ["Difference", "Recorder", "Report", "replay"]
