"""A board without a network, on a serial line. On the PC: `flight bridge --line serial:///dev/ttyUSB0 --gateway ...`.

from machine import UART
import uart_device
uart_device.main(UART(1, 115200, rxbuf=1024), TOKEN)
"""

from flight_client import Client, Log


def main(pipe, token, device_id="uart-1", lines=0):
    """Count aloud, for ever or so many times; `pipe` has readinto() and write() that do not block."""
    client = Client(pipe, token=token, device_id=device_id)
    log = client.channel("log", critical=True)
    count = 0
    while lines == 0 or count < lines or client.queued:
        if (lines == 0 or count < lines) and client.queued < 8:
            count += log.emit(Log("line %d" % count)) == 1
        client.wait(min(client.poll(), 5))
    client.close()
    while client.state == "connected":
        client.wait(min(client.poll(), 5))
    return client.counters()


if __name__ == "__main__":
    # Under the Unix port a TCP port stands for the line: `uart_device.py PORT TOKEN_FILE LINES`.
    import socket
    import sys

    sock = socket.socket()
    sock.connect(socket.getaddrinfo("127.0.0.1", int(sys.argv[1]))[0][-1])
    sock.setblocking(False)
    with open(sys.argv[2]) as file:
        print(main(sock, file.read().strip(), lines=int(sys.argv[3])))
