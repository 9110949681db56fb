"""Runs on a board: the time from emit() to the acknowledgement: `ack.py GATEWAY_PORT EVENTS`."""

import sys
import time

from flight_client import Client

with open("token") as file:
    client = Client("http://127.0.0.1:%s" % sys.argv[1], file.read(), "board-ack", transports=(1,))
emitter = client.channel("payload-bench").emitter(6, 16, critical=True)
tally = client.session.tally
while client.state != "connected" or not client.session.channels.items[0].opened:
    client.wait(min(client.poll(), 20))
times = []
for _ in range(int(sys.argv[2])):
    acked = tally.critical_acked
    start = time.ticks_us()
    emitter.emit()
    while True:
        wait_ms = client.poll()
        if tally.critical_acked != acked:
            break
        client.wait(min(wait_ms, 20))
    times.append(time.ticks_diff(time.ticks_us(), start))
times.sort()
print("p50", times[len(times) // 2])
print("p99", times[len(times) * 99 // 100])
