"""What a device and its gateway agree on for one session: flags, windows, the largest frame and payload.

HELLO states what we read and what we would like to send; WELCOME answers with what holds in each direction. Nothing of it
changes before the next WELCOME, whatever transports come and go.
"""

from ..common.profile import Profile
from ..spec import AUTH_NONE, LANE_CRITICAL, LANE_LOSSY, POLL_BODY_BYTES
from .messages import Welcome

_NO_LIMIT = 0x3FFFFFFF

# A turn ends where two frames of the largest size could not follow; with larger ones no turn would carry a single event.
_FRAME_BYTES = POLL_BODY_BYTES // 2 - 128


class Agreement:
    """The wishes are the driver's to set before the session starts; the rest is what the last WELCOME granted."""

    def __init__(self, profile: Profile):
        self.reads = 0  # flags by agreement that we read
        self.sends = 0  # ... and that we would like to send
        self.lanes = LANE_CRITICAL | LANE_LOSSY  # lanes that we may send on
        self.auth = AUTH_NONE
        self.unpacked_bytes = 0  # the largest payload that we put together or decompress
        self.window_bytes: int = profile.window_frames * profile.frame_bytes  # what we take unacknowledged
        self.up: int = 0  # flags that our frames may carry
        self.down: int = 0  # flags that frames to us may carry
        self.window_out_frames: int = profile.window_frames  # what we may have unacknowledged
        self.window_out_bytes: int = _NO_LIMIT
        self.frame_bytes: int = profile.frame_bytes  # the largest frame we may send
        self.unpacked_out_bytes: int = 0  # the largest payload that the gateway puts together or decompresses
        self._own_window_frames = profile.window_frames
        self._own_frame_bytes = profile.frame_bytes

    def granted_what_was_asked(self, welcome: Welcome) -> bool:
        """Whether WELCOME keeps to what HELLO offered; if not, the peer breaks the protocol."""
        if welcome.flags_up & ~self.sends or welcome.flags_down & ~self.reads:
            return False
        return welcome.auth == self.auth

    def begin(self, welcome: Welcome) -> None:
        """From now on this holds."""
        self.up = welcome.flags_up
        self.down = welcome.flags_down
        self.window_out_frames = min(self._own_window_frames, welcome.window_frames)
        self.window_out_bytes = welcome.window_bytes
        self.frame_bytes = min(self._own_frame_bytes, welcome.frame_bytes, _FRAME_BYTES)
        self.unpacked_out_bytes = welcome.unpacked_bytes
