"""Rules of portions, of what is asked again, of tags, tokens and retries, each left out; what they are for: mutants.py."""

from collections.abc import Callable
from typing import Any

from flight_client import bridge
from flight_client.gateway import subscription, tenure
from flight_client.session.device import channels, inbox, messages, policy, renewal, sender, store
from flight_client.session.device.codes import QUIET
from flight_client.transports.line_frames import DOUBLED, TAKE, judge
from flight_client.wire import tags

Patch = tuple[Any, str, Any]


def _portion_moves_the_offset() -> list[Patch]:
    """Past its entry, as if it were the last one."""
    original = inbox.Inbox._deliver

    def deliver(self: Any, channel: int, data: Any, start: int, end: int) -> int:
        result = original(self, channel, data, start, end)
        state = self.session.channels.get(channel)
        if state is not None and state.taken and self.event_start == start and result != QUIET:
            state.offset[:] = data[start : start + 8]
        return result

    return [(inbox.Inbox, "_deliver", deliver)]


def _device_does_not_say_what_it_had() -> list[Patch]:
    def write_open(out: Any, state: Any) -> int:
        kept, state.taken = state.taken, 0
        count = messages.write_open(out, state)
        state.taken = kept
        return count

    return [(sender, "write_open", write_open)]


def _gateway_ignores_what_was_had() -> list[Patch]:
    original = subscription.Subscription.__init__

    def init(self: Any, *arguments: Any) -> None:
        original(self, *arguments[:7])

    return [(subscription.Subscription, "__init__", init)]


def _open_is_not_asked_again() -> list[Patch]:
    return [
        (channels.ChannelTable, "remind", lambda self, now, patience_ms: None),
        (channels.ChannelTable, "remind_in_ms", lambda self, now, patience_ms, longest_ms: longest_ms),
    ]


def _token_is_not_sent_again() -> list[Patch]:
    return [
        (renewal.Renewal, "remind", lambda self, now, patience_ms: None),
        (renewal.Renewal, "remind_in_ms", lambda self, now, patience_ms, longest_ms: longest_ms),
    ]


def _token_stays_with_the_old_transport() -> list[Patch]:
    return [(renewal.Renewal, "new_transport", lambda self: None), *_token_is_not_sent_again()]


def _tags_do_not_count() -> list[Patch]:
    def went(self: Any, generation: int) -> None:
        self.generation = generation

    return [(tags._Counted, "went", went)]


def _tags_leave_the_poll_number_out() -> list[Patch]:
    original = tags._Counted.polled

    def polled(self: Any, generation: int, payload: bytes) -> None:
        original(self, generation, payload)
        self.poll = 0

    return [(tags._Counted, "polled", polled)]


def _tags_count_on_over_requests() -> list[Patch]:
    return [(tags._Counted, "polled", lambda self, generation, payload: None)]


def _first_retry_is_no_special_one() -> list[Patch]:
    original = policy.Policy.failed

    def failed(self: Any, now: int) -> None:
        original(self, now)
        self._attempt = max(1, self._attempt)

    return [(policy.Policy, "failed", failed)]


def _the_spread_is_not_announced() -> list[Patch]:
    return [(policy.Policy, "announce", lambda self, spread_ms: None)]


def _later_retries_forget_the_spread() -> list[Patch]:
    original = policy.Policy.wait_ms

    def wait_ms(self: Any, random: int) -> int:
        kept = self.spread_ms
        if self._attempt:
            self.spread_ms = 0
        wait = original(self, random)
        self.spread_ms = kept
        return wait

    return [(policy.Policy, "wait_ms", wait_ms)]


def _a_line_takes_doubled_frames() -> list[Patch]:
    def taken(number: int, expected: int) -> int:
        verdict = judge(number, expected)
        return TAKE if verdict == DOUBLED else verdict

    return [(bridge, "judge", taken)]


def _a_token_never_ends() -> list[Patch]:
    return [(tenure.Tenure, "ended", lambda self: False)]


def _expired_events_are_sent() -> list[Patch]:
    return [(store.SendStore, "expire", lambda self, now: False)]


MUTANTS: dict[str, Callable[[], list[Patch]]] = {
    "a portion moves the offset past its entry": _portion_moves_the_offset,
    "device does not say what it had of an entry": _device_does_not_say_what_it_had,
    "gateway ignores what was had of an entry": _gateway_ignores_what_was_had,
    "OPEN is not asked again": _open_is_not_asked_again,
    "TOKEN is not sent again": _token_is_not_sent_again,
    "TOKEN is lost with its transport": _token_stays_with_the_old_transport,
    "tags do not count lossy frames": _tags_do_not_count,
    "tags leave the poll number out": _tags_leave_the_poll_number_out,
    "tags count on over requests": _tags_count_on_over_requests,
    "the first retry is like the others": _first_retry_is_no_special_one,
    "the spread of a fleet is not heard": _the_spread_is_not_announced,
    "later retries forget the spread": _later_retries_forget_the_spread,
    "a line takes doubled frames": _a_line_takes_doubled_frames,
    "a token never ends": _a_token_never_ends,
    "expired events are sent": _expired_events_are_sent,
}
