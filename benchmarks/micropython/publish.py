"""Runs on a board: umqtt.simple alone, one publish of QoS 0 for each event: `publish.py MQTT_PORT EVENTS`."""

import sys

from umqtt.simple import MQTTClient

peer = MQTTClient("bench", "127.0.0.1", int(sys.argv[1]))
peer.connect()
body = bytearray(44)
for i in range(int(sys.argv[2])):
    body[8] = i & 0xFF
    peer.publish(b"telemetry", body)
