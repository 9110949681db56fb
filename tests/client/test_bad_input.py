"""Bad input: every argument of every public method, closed clients, other threads, other loops. Always an error of our tree.

The tests walk the public surface by themselves. A new argument fails here until BAD says what is wrong for it, and a new
argument without a default until GOOD has a right value; so no public method is without a case.
"""

import asyncio
import contextlib
import inspect
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from flight_client import (
    CallerError,
    Channel,
    Client,
    EventStream,
    FlightError,
    LinkError,
    MetricsStream,
    NotStoredError,
    Outcome,
    PresenceStream,
    PressureLimits,
    RealtimeErrorHandler,
    SyncChannel,
    SyncClient,
    SyncEventStream,
    SyncMetricsStream,
    SyncPresenceStream,
    handle_connection_error,
    register_recovery,
)
from flight_client.pressure import PressureControl
from flight_client.threadsafe import Threadsafe
from tests.client.bad_values import BAD, BAD_HERE, GOOD, GOOD_HERE, SAYS
from tests.support.ports import free_port
from tests.support.waiting import HANG_S, within

# For the parts of the client itself, not for programs; nobody is told of them.
INSIDE = {"on_result", "on_failure", "on_drive", "emit_encoded", "finish", "forget_recent"}
INSIDE_OF = {
    "PressureControl": {"add_hook", "report", "relieve", "set_queue", "clear_history"},
    "EventStream": {"put"},
    "MetricsStream": {"put"},
    "PresenceStream": {"put"},
}
ASYNCIO = (Client, Channel, EventStream, MetricsStream, PresenceStream)
PLAIN = (SyncClient, SyncChannel, SyncEventStream, SyncMetricsStream, SyncPresenceStream)
OTHERS = (PressureControl, RealtimeErrorHandler)
FUNCTIONS_OF_THE_PACKAGE = (register_recovery, handle_connection_error)
CLASSES_TO_MAKE = (Client, SyncClient, PressureLimits)

Case = tuple[str, str, Callable[[], object]]


def public(cls: type[Any]) -> list[tuple[str, Any]]:
    """Methods and settable properties of a class, by name."""
    inside = INSIDE | INSIDE_OF.get(cls.__name__, set())
    found = []
    for name, member in inspect.getmembers(cls):
        settable = isinstance(member, property) and member.fset is not None
        if not name.startswith("_") and name not in inside and (inspect.isfunction(member) or settable):
            found.append((name, member))
    return found


def arguments(function: Callable[..., object]) -> list[inspect.Parameter]:
    return [parameter for name, parameter in inspect.signature(function).parameters.items() if name != "self"]


def bound(function: Callable[..., object], where: str, wrong: str = "", value: object = None) -> Callable[[], object]:
    """The call with one argument as it is said here and right ones for the others."""
    given: list[object] = []
    named: dict[str, object] = {}
    for parameter in arguments(function):
        name = parameter.name
        is_wrong = name == wrong
        if parameter.kind is parameter.VAR_POSITIONAL:
            given += [value] if is_wrong else []
            continue
        if not is_wrong and parameter.default is parameter.empty:
            assert name in GOOD, f"{where} needs {name}: say in GOOD what is right for it"
        right = (
            GOOD_HERE.get((where, name), GOOD.get(name))
            if parameter.default is parameter.empty and not is_wrong
            else parameter.default
        )
        if parameter.kind is parameter.KEYWORD_ONLY:
            named[name] = value if is_wrong else right
        else:
            given.append(value if is_wrong else right)
    return lambda: function(*given, **named)


def wrong_calls(where: str, function: Callable[..., object]) -> Iterator[Case]:
    for parameter in arguments(function):
        values = BAD_HERE.get((where, parameter.name), BAD.get(parameter.name))
        assert values is not None, f"{where} takes {parameter.name}: say in BAD what is wrong for it"
        for value in values:
            yield (
                f"{where}({parameter.name}={value!r:.60})",
                parameter.name,
                bound(function, where, parameter.name, value),
            )


def wrong_settings(where: str, thing: object, name: str) -> Iterator[Case]:
    for value in BAD[name]:
        yield f"{where} = {value!r:.60}", name, lambda value=value: setattr(thing, name, value)  # type: ignore[misc]


def wrong_uses(thing: object) -> Iterator[Case]:
    """Every wrong call and every wrong setting of one object."""
    for name, member in public(type(thing)):
        where = f"{type(thing).__name__}.{name}"
        if isinstance(member, property):
            yield from wrong_settings(where, thing, name)
        else:
            yield from wrong_calls(where, getattr(thing, name))


async def outcome(call: Callable[[], object], *, in_thread: bool = False) -> object:
    """What a call gives: its answer, awaited where it has to be, or the error."""
    try:
        answer = await within(asyncio.to_thread(call)) if in_thread else call()
        if inspect.isawaitable(answer):
            answer = await within(answer)
        if isinstance(answer, Future):
            answer = await within(asyncio.wrap_future(answer))
    except AssertionError:
        raise
    except BaseException as error:  # what is raised is what this is about
        return error
    return answer


def complaint(what: str, argument: str, answer: object) -> str:
    """What is wrong about the answer to bad input; empty: nothing."""
    if not isinstance(answer, BaseException):
        return f"{what}: was taken, {answer!r:.80}"
    if not isinstance(answer, CallerError):
        return f"{what}: {type(answer).__name__}: {answer}"
    if not re.search(SAYS.get(argument, argument), answer.what):
        return f"{what}: speaks of something else: {answer}"
    if not answer.next_step or answer.fault != "caller":
        return f"{what}: does not say what to do: {answer}"
    return ""


async def complaints(cases: Iterator[Case], *, in_thread: bool = False) -> list[str]:
    found = []
    for what, argument, call in cases:
        found.append(complaint(what, argument, await outcome(call, in_thread=in_thread)))
    assert found, "there was nothing to look at"
    return [text for text in found if text]


class Things:
    """A client that has begun to connect, to nobody, and what belongs to it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.made: dict[type[Any], object] = {
            Client: client,
            Channel: client.channel("log"),
            EventStream: client.events("log"),
            MetricsStream: client.metrics(),
            PresenceStream: client.presence(),
            PressureControl: client.pressure,
            RealtimeErrorHandler: client.error_handler,
        }


@pytest.fixture
async def things() -> AsyncIterator[Things]:
    client = Client(f"http://127.0.0.1:{free_port()}", token="t", device_id="bench-1")
    with contextlib.suppress(LinkError):
        await client.connect(timeout_s=0)
    yield Things(client)
    await within(client.close())


def plain_things(client: SyncClient) -> dict[type[Any], object]:
    return {
        SyncClient: client,
        SyncChannel: client.channel("log"),
        SyncEventStream: client.events("log"),
        SyncMetricsStream: client.metrics(),
        SyncPresenceStream: client.presence(),
    }


@pytest.mark.parametrize("kind", [*ASYNCIO, *OTHERS], ids=lambda kind: kind.__name__)
async def test_every_argument_of_every_method_is_looked_at_before_it_is_used(things: Things, kind: type[Any]) -> None:
    assert await complaints(wrong_uses(things.made[kind])) == []
    assert things.client.counters().accepted == 0


async def test_every_argument_of_a_plain_programs_methods_is_looked_at_too() -> None:
    with contextlib.closing(SyncClient(f"http://127.0.0.1:{free_port()}", token="t", device_id="bench-1")) as client:
        with contextlib.suppress(LinkError):
            await asyncio.to_thread(client.connect, 0)
        found = []
        for thing in plain_things(client).values():
            found += await complaints(wrong_uses(thing), in_thread=True)
        assert found == []
        assert client.counters().accepted == 0
        for decorate in (client.handles("log"), client.answers("restart")):
            with pytest.raises(CallerError, match="handler"):
                decorate(5)  # type: ignore[type-var]


@pytest.mark.parametrize("kind", CLASSES_TO_MAKE, ids=lambda kind: kind.__name__)
async def test_every_argument_of_a_constructor_is_looked_at(kind: type[Any]) -> None:
    assert await complaints(wrong_calls(kind.__name__, kind)) == []


@pytest.mark.parametrize("function", FUNCTIONS_OF_THE_PACKAGE, ids=lambda function: function.__name__)
async def test_every_argument_of_a_function_of_the_package_is_looked_at(function: Callable[..., object]) -> None:
    found = [
        complaint(what, argument, await outcome(call))
        for what, argument, call in wrong_calls(function.__name__, function)
    ]
    assert [text for text in found if text] == []


async def test_decorators_take_functions_only(things: Things) -> None:
    for decorate in (things.client.handles("log"), things.client.answers("restart")):
        with pytest.raises(CallerError, match="handler"):
            decorate(5)  # type: ignore[type-var]


async def test_what_other_threads_may_call_looks_at_its_arguments_too(things: Things) -> None:
    cases = list(wrong_uses(things.client.threadsafe))
    assert {what.partition("(")[0] for what, _, _ in cases} == {
        f"Threadsafe.{name}" for name, member in public(Threadsafe) if arguments(member)[1:] or name == "flush"
    }
    found = []
    for what, argument, call in cases:
        answer: list[object] = []

        def elsewhere(call: Callable[[], object] = call, answer: list[object] = answer) -> None:
            answer.append(asyncio.run(outcome(call)))

        await within(asyncio.to_thread(elsewhere))
        found.append(complaint(what, argument, answer[0]))
    assert [text for text in found if text] == []


def right_calls(thing: object) -> Iterator[tuple[str, Callable[[], object]]]:
    """Each method with right arguments."""
    for name, member in public(type(thing)):
        if inspect.isfunction(member):
            where = f"{type(thing).__name__}.{name}"
            yield where, bound(getattr(thing, name), where)


def begun(call: Callable[[], object]) -> object:
    """The first step of a call, on this thread and without a loop of its own."""
    try:
        answer = call()
        if inspect.iscoroutine(answer):
            try:
                answer.send(None)
            finally:
                answer.close()
    except BaseException as error:  # what is raised is what this is about
        return error
    return answer


# Arguments are looked at first, and these do nothing else: the function that they give back is refused.
DECORATORS = {"Client.handles", "Client.answers"}


@pytest.mark.parametrize("kind", ASYNCIO, ids=lambda kind: kind.__name__)
async def test_another_thread_is_refused_by_every_method(things: Things, kind: type[Any]) -> None:
    answers: dict[str, object] = {}

    def elsewhere() -> None:
        for where, call in right_calls(things.made[kind]):
            answers[where] = begun(call)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join(HANG_S)
    assert answers
    for where, answer in answers.items():
        if where in DECORATORS:
            continue
        assert isinstance(answer, CallerError), (where, answer)
        assert "thread" in answer.what, (where, answer)


@pytest.mark.parametrize("kind", ASYNCIO, ids=lambda kind: kind.__name__)
def test_another_event_loop_is_refused_by_every_method(kind: type[Any]) -> None:
    first = asyncio.new_event_loop()
    client = Client(f"http://127.0.0.1:{free_port()}", token="t", device_id="bench-1")

    async def begin() -> Things:
        with contextlib.suppress(LinkError):
            await client.connect(timeout_s=0)
        return Things(client)

    try:
        thing = first.run_until_complete(begin()).made[kind]

        async def elsewhere() -> dict[str, object]:
            return {where: begun(call) for where, call in right_calls(thing)}

        answers = asyncio.run(elsewhere())
        assert answers
        for where, answer in answers.items():
            if where in DECORATORS:
                continue
            assert isinstance(answer, CallerError), (where, answer)
            assert "loop" in answer.what, (where, answer)
        first.run_until_complete(client.close())
    finally:
        first.close()


# What a closed client still answers; everything else says that it was closed.
STILL_ANSWERS = {
    "channel", "clear_event_history", "clear_history", "close", "counters", "dead_letters", "discard", "emit", "emit_buffer", "emit_many", "number_emitter", "emitter", "limit_rate",
    "next", "on_dead_letter", "on_gap", "on_pressure", "on_state", "pause", "platform_config", "put", "replay", "report_memory", "resume",
    "set_max_queue_size", "take", "trigger_memory_optimization", "wait",
}  # fmt: skip


def after_close(where: str, answer: object) -> str:
    name = where.partition(".")[2]
    closed = isinstance(answer, NotStoredError) and answer.cause == "closed"
    if closed or (isinstance(answer, CallerError) and "closed" in answer.what) or where in DECORATORS:
        return ""
    answered = not isinstance(answer, BaseException) or type(answer) is StopIteration
    return "" if name in STILL_ANSWERS and answered else f"{where}: {answer!r}"


@pytest.mark.parametrize("kind", ASYNCIO, ids=lambda kind: kind.__name__)
async def test_a_closed_client_says_so_or_answers_and_never_waits(things: Things, kind: type[Any]) -> None:
    await within(things.client.close())
    found = {where: await outcome(call) for where, call in right_calls(things.made[kind])}
    assert [text for text in map(after_close, found, found.values()) if text] == []
    if kind is Channel:
        assert found["Channel.emit"] is found["Channel.put"] is Outcome.REFUSED_CLOSED


def test_a_closed_plain_client_says_so_or_answers_and_never_waits() -> None:
    client = SyncClient(f"http://127.0.0.1:{free_port()}", token="t", device_id="bench-1")
    with contextlib.suppress(LinkError):
        client.connect(0)
    things = plain_things(client)
    client.close()
    for thing in things.values():
        found = {where: begun(call) for where, call in right_calls(thing)}
        names = {"SyncClient.handles", "SyncClient.answers"}
        assert [after_close(where, answer) for where, answer in found.items() if where not in names] == [""] * (
            len(found) - len(names & set(found))
        )


def test_every_error_of_bad_input_is_one_of_our_tree() -> None:
    assert issubclass(CallerError, FlightError)
    assert not issubclass(FlightError, TypeError | AttributeError | ValueError)
