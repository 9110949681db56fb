"""What the session needs to know of a platform."""

from ..spec import PROFILES


class Profile:
    """The session's share of a platform profile; every value can be replaced before the session is made.

    Times are milliseconds, sizes bytes. Source of the values: spec/flight.toml, [[profiles]].
    """

    platform: int
    transports: tuple[int, ...]
    update_interval_ms: int
    max_retries: int
    connect_timeout_ms: int
    connect_retry_interval_ms: int
    frame_bytes: int
    payload_bytes: int
    message_bytes: int
    window_frames: int
    heartbeat_ms: int
    backoff_floor_ms: int
    backoff_cap_ms: int
    poll_floor_ms: int
    batch_delay_ms: int
    probe: int
    batch_events: int
    lossy_slots: int
    link_bytes_per_s: int

    def __init__(
        self,
        values: tuple[
            int, tuple[int, ...], int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int
        ],
    ):
        (
            self.platform,
            self.transports,
            self.update_interval_ms,
            self.max_retries,
            self.connect_timeout_ms,
            self.connect_retry_interval_ms,
            self.frame_bytes,
            self.payload_bytes,
            self.message_bytes,
            self.window_frames,
            self.heartbeat_ms,
            self.backoff_floor_ms,
            self.backoff_cap_ms,
            self.poll_floor_ms,
            self.batch_delay_ms,
            self.probe,
            self.batch_events,
            self.lossy_slots,
            self.link_bytes_per_s,
        ) = values


def profile_of(platform: str) -> Profile | None:
    """The profile of a platform of the spec, or None."""
    values = PROFILES.get(platform)
    return None if values is None else Profile(values)
