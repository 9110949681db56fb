"""A board that reports a temperature and its own memory, says when something is wrong, and listens for commands.

    mpremote mip install ...        (micropython/README.md)
    import sensor_board; sensor_board.main("http://192.168.1.10:8080", TOKEN)

Wi-Fi must be up. Without a sensor (under the Unix port, for instance) a made-up temperature is reported.
"""

import time

from flight_client import Client, Log, SystemMonitoring
from flight_client.memory import MemoryReport


def read_temperature(turn):
    """Degrees Celsius; put your sensor here."""
    return 20 + turn % 10 / 10


def main(address, token, device_id="sensor-1", turns=0, every_ms=1000):
    """Report for ever, or so many times."""
    client = Client(address, token=token, device_id=device_id)
    log = client.channel("log", critical=True)  # kept until the gateway has stored it
    monitoring = client.channel("system-monitoring")
    memory = MemoryReport(client.channel("memory-updates"))
    client.subscribe("commands")
    client.on("state", lambda state, reason: print("flight:", state, reason))
    client.on("event", lambda received: print("command:", received.event().data))
    status = SystemMonitoring()  # filled again and again, so that it takes no memory
    log.emit(Log("sensor board started"))
    turn = 0
    due = time.ticks_ms()
    while turns == 0 or turn < turns:
        wait_ms = client.poll()
        left_ms = time.ticks_diff(due, time.ticks_ms())
        if left_ms > 0:
            client.wait(min(wait_ms, left_ms))
            continue
        due = time.ticks_add(due, every_ms)
        turn += 1
        status.temperature_c = read_temperature(turn)
        monitoring.emit(status)
        memory.emit()
        if status.temperature_c > 20.8:
            log.emit(Log("it is %.1f degrees" % status.temperature_c, "warning"))
    client.close()
    while client.state == "connected":
        client.wait(min(client.poll(), 20))
    return client.counters()


if __name__ == "__main__":
    import sys

    with open(sys.argv[2]) as file:
        print(main(sys.argv[1], file.read().strip(), turns=int(sys.argv[3]), every_ms=int(sys.argv[4])))
