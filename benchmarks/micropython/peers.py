"""Runs on a board: what umqtt.simple and mqtt_as take: `peers.py NAME WHAT [MQTT_PORT]`.

NAME umqtt or mqtt_as. WHAT ram: bytes after import. alloc: bytes for each publish of QoS 0, and p50 of the time until a
publish of QoS 1 is acknowledged. A network that always stands takes the place of the Wi-Fi that mqtt_as asks for.
"""

import gc
import sys
import time

BODY = bytes(44)
COUNT = 200
ACKED = 30


class Network:
    STA_IF = 0

    def WLAN(self, _number):  # noqa: N802 - as on a board
        return self

    def active(self, *_):
        return True

    connect = isconnected = active


class Machine:
    def unique_id(self):
        return b"board"


def live():
    gc.collect()
    return gc.mem_alloc()


def ram(name, _port):
    if name == "mqtt_as":
        __import__("asyncio")  # its own memory does not count
    before = live()
    __import__("umqtt.simple" if name == "umqtt" else "mqtt_as")
    print("ram", live() - before)


def p50(times):
    times.sort()
    print("p50", times[len(times) // 2])


def umqtt(port):
    from umqtt.simple import MQTTClient

    peer = MQTTClient("bench", "127.0.0.1", port)
    peer.connect()
    peer.publish(b"telemetry", BODY)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(COUNT):
        peer.publish(b"telemetry", BODY)
    print("alloc", (gc.mem_alloc() - before) // COUNT)
    gc.enable()
    times = []
    for _ in range(ACKED):
        start = time.ticks_us()
        peer.publish(b"telemetry", BODY, qos=1)
        times.append(time.ticks_diff(time.ticks_us(), start))
    p50(times)


async def mqtt_as(port):
    from mqtt_as import MQTTClient, config

    config["server"] = "127.0.0.1"
    config["port"] = port
    peer = MQTTClient(config)
    await peer.connect(quick=True)
    await peer.publish(b"telemetry", BODY)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(COUNT):
        await peer.publish(b"telemetry", BODY)
    print("alloc", (gc.mem_alloc() - before) // COUNT)
    gc.enable()
    times = []
    for _ in range(ACKED):
        start = time.ticks_us()
        await peer.publish(b"telemetry", BODY, qos=1)
        times.append(time.ticks_diff(time.ticks_us(), start))
    p50(times)


sys.modules["network"] = Network()
sys.modules["machine"] = Machine()
if sys.argv[2] == "ram":
    ram(sys.argv[1], 0)
elif sys.argv[1] == "umqtt":
    umqtt(int(sys.argv[3]))
else:
    import asyncio

    asyncio.run(mqtt_as(int(sys.argv[3])))
