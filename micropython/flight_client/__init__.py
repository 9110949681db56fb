"""Flight for MicroPython: events from a board to a gateway, and back. The names are those of CPython's package.

    from flight_client import Client, Log

What a name needs is loaded when it is first used, so that a program pays for what it uses only.
"""


def __getattr__(name: str):
    if name == "Client":
        from .client import Client as found  # noqa: N813 - one name for all
    elif name == "QUEUED" or name == "REFUSED_FULL" or name == "REFUSED_TOO_LARGE":
        from .ring import QUEUED, REFUSED_FULL, REFUSED_TOO_LARGE

        found = QUEUED if name == "QUEUED" else REFUSED_FULL if name == "REFUSED_FULL" else REFUSED_TOO_LARGE
    elif name == "REFUSED_CHANNEL" or name == "REFUSED_CLOSED" or name == "REFUSED_MEMORY":
        from .channel import REFUSED_CHANNEL, REFUSED_CLOSED, REFUSED_MEMORY

        found = (
            REFUSED_CHANNEL
            if name == "REFUSED_CHANNEL"
            else REFUSED_CLOSED
            if name == "REFUSED_CLOSED"
            else REFUSED_MEMORY
        )
    elif (
        name
        in "CommandRequest CommandResult ComponentUpdate EventError FrameTime Log MemoryUpdate Payload SystemMonitoring V6REvent".split()
    ):
        from .events import event_class

        found = event_class(name)
    else:
        try:  # a module: `from flight_client import ring` asks here before it looks for a file
            found = getattr(__import__("flight_client." + name), name) if name[0] != "_" else None
        except ImportError:
            found = None
        if found is None:
            raise AttributeError(name)
    return found
