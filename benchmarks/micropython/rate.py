"""Runs on a board: events per second against umqtt.simple, alternating: `rate.py TCP_PORT MQTT_PORT EVENTS ROUNDS CODING`.

Ours: enqueue, batch, frame, TCP, until everything is with the socket. umqtt: one publish of QoS 0 for each event.
MQTT_PORT 0: without the peer.
"""

import sys
import time

from flight_client import Client
from flight_client.fast import FORM

GATEWAY, MQTT, EVENTS, ROUNDS = (int(word) for word in sys.argv[1:5])
OURS = (
    EVENTS if sys.argv[5] == "delta" else 12 * EVENTS
)  # a round of ours as long as one of the peer: a load hits both alike
BODY = 44
BATCH = 156  # events of 48 bytes in a frame of 8 KB


def ours():
    with open("token") as file:
        token = file.read()
    client = Client(
        "tcp://127.0.0.1:%d" % GATEWAY,
        token,
        "board-rate",
        transports=(1,),
        delta=sys.argv[5] == "delta",
        frame_bytes=8192,
        lossy_slots=512,
        batch_events=BATCH,
        batch_delay_ms=0,
    )
    emitter = client.channel("payload-bench").emitter(7, BODY)
    emitter.body[2:8] = bytes((0, 0, BODY - 6, 0, 0, 0))
    while client.state != "connected" or not client.session.channels.items[0].opened:
        client.wait(min(client.poll(), 20))
    return client, emitter


def run_ours(client, emitter):
    body = emitter.body
    start = time.ticks_us()
    for i in range(OURS // BATCH):
        for n in range(BATCH):
            body[8] = n & 0xFF
            emitter.emit()
        client.poll()
    while client.queued:
        client.poll()
    return time.ticks_diff(time.ticks_us(), start) * 1000 // (OURS // BATCH * BATCH)


def run_peer(peer):
    body = bytearray(BODY)
    start = time.ticks_us()
    for i in range(EVENTS):
        body[8] = i & 0xFF
        peer.publish(b"telemetry", body)
    return time.ticks_diff(time.ticks_us(), start) * 1000 // EVENTS


client, emitter = ours()
peer = None
if MQTT:
    from umqtt.simple import MQTTClient

    peer = MQTTClient("bench", "127.0.0.1", MQTT)
    peer.connect()
run_ours(client, emitter)
for _ in range(ROUNDS):
    print("ours", run_ours(client, emitter))
    if peer is not None:
        print("peer", run_peer(peer))
counters = client.counters()
print("form", FORM)
print(
    "lost", counters["accepted"] - counters["settled"], counters["refused_emits"]["full"], counters["dropped"]["oldest"]
)
