"""`flight gateway --tls-cert --tls-key` as a person starts it, and the commands that speak to it."""

import signal
import socket
import ssl
import time
from pathlib import Path

from tests.cli.test_gateway import start_and_read
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.process import HANG_S, interrupt, run_flight


def serial_number(port: int, authority: Authority) -> str:
    """Of the certificate that a new connection is shown."""
    context = ssl.create_default_context(cafile=str(authority.ca_file))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=HANG_S) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        shown = secure.getpeercert()
        assert shown is not None
        return str(shown["serialNumber"])


def test_every_command_speaks_tls_and_a_new_certificate_is_taken_at_sighup(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.sign()
    port = free_port()
    words = ("--port", str(port), "--engine", "memory:", "--tls-cert", str(cert), "--tls-key", str(key))
    process, printed = start_and_read(tmp_path, *words)
    try:
        address = f"https://127.0.0.1:{port}"
        assert f"listens on {address} " in printed
        assert f"raw TCP on tls://127.0.0.1:{port + 1}; clients must be given this address" in printed
        assert f'Client("{address}"' in printed
        assert "MicroPython" not in printed  # which has no TLS here
        common = ("--state-dir", str(tmp_path), "--channel", "log", "hello")
        for target in (address, f"tls://127.0.0.1:{port + 1}"):
            done = run_flight("send", "--gateway", target, "--ca-file", str(authority.ca_file), *common)
            assert done.returncode == 0, done.stderr
        refused = run_flight("send", "--gateway", address, "--wait", "0.2", *common)
        assert refused.returncode == 3
        assert "is not trusted" in refused.stderr
        assert "--ca-file" in refused.stderr
        first = serial_number(port, authority)
        authority.sign()
        process.send_signal(signal.SIGHUP)
        limit = time.monotonic() + HANG_S
        while serial_number(port, authority) == first:
            assert time.monotonic() < limit, "the new certificate is not served"
            time.sleep(0.02)
    finally:
        code, out, err = interrupt(process)
    assert (code, out) == (130, "")
    assert "the certificate was read again" in err


def test_one_file_without_the_other_is_a_usage_error(tmp_path: Path) -> None:
    done = run_flight("gateway", "--state-dir", str(tmp_path), "--engine", "memory:", "--tls-cert", str(tmp_path / "x"))
    assert done.returncode == 2
    assert "--tls-key FILE" in done.stderr
