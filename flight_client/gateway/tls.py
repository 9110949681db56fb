"""Certificate and key of the gateway: read at the start, read again when they change.

New connections get what was read last; those that stand keep what they began with. Files that cannot be used, a renewal
caught half way for instance, change nothing: the ones before go on serving, and the log and the health page say so.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import ssl
import stat
from pathlib import Path

from cryptography import x509  # joserfc, without which there is no gateway, brings it

from flight_client.errors import CallerError, file_step

_log = logging.getLogger("flight.gateway")

State = tuple[int, int, int]


class TlsFiles:
    """A certificate chain with its key, and the context that is made of them."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises CallerError for files that cannot be used."""
        self._certificate = certificate
        self._key = key
        self._seen = self._state()
        self.context: ssl.SSLContext = _context(certificate, key)
        """For new connections; replaced as a whole, so that nothing of an older certificate is left in it."""
        self.expires: dt.datetime = _expires(certificate)
        """Until when the certificate is good that is served."""
        self.reloads: int = 0
        """How often other files were taken since the start."""
        self.trouble: str = ""
        """Why the files as they are now are not used; empty while they are."""

    def reload(self) -> bool:
        """Read the files again. False: they cannot be used, and what was read before stays."""
        self._seen = self._state()
        try:
            context, expires = _context(self._certificate, self._key), _expires(self._certificate)
        except CallerError as error:
            self.trouble = error.what
            _log.error("the certificate is not changed: %s", error)
            return False
        self.context, self.expires, self.trouble = context, expires, ""
        self.reloads += 1
        _log.warning("the certificate was read again; it is good until %s", self.expires.isoformat())
        return True

    def reload_if_changed(self) -> None:
        """reload(), if one of the files is another one than at the last look."""
        if self._state() != self._seen:
            self.reload()

    def _state(self) -> tuple[State, State]:
        return _state_of(self._certificate), _state_of(self._key)


def _state_of(path: Path) -> State:
    """What differs when a file was written anew or another one put in its place."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return found.st_ino, found.st_size, found.st_mtime_ns


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    _check_readable("certificate", certificate, "--tls-cert")
    mode = _check_readable("key", key, "--tls-key")
    if os.name == "posix" and mode & stat.S_IRWXO:
        raise CallerError(
            what=f"everybody may read the key of the certificate (mode {stat.S_IMODE(mode):04o})",
            value=str(key),
            next_step=f"chmod 600 {key}, and have a new certificate made if somebody may have read it",
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])  # raw TCP offers none, which is fine
    try:
        context.load_cert_chain(certificate, key, password=lambda: b"")  # a key with a passphrase must not ask for it
    except (ssl.SSLError, ValueError) as error:
        raise CallerError(
            what=f"certificate and key cannot be used ({_reason(error)})",
            value=f"{certificate}, {key}",
            next_step="give PEM files that belong together: the chain with the gateway's own certificate first, and its key "
            "without a passphrase",
        ) from None
    return context


def _check_readable(what: str, path: Path, option: str) -> int:
    """The mode of a file that this process can read."""
    try:
        with path.open("rb") as stream:
            return os.fstat(stream.fileno()).st_mode
    except OSError as error:
        raise CallerError(
            what=f"the {what} cannot be read ({error.strerror})",
            value=str(path),
            next_step=f"{file_step(error)}, or name another file: {option} FILE",
        ) from error


def _expires(certificate: Path) -> dt.datetime:
    """The end of the gateway's own certificate, which OpenSSL has read just now."""
    try:
        return x509.load_pem_x509_certificates(certificate.read_bytes())[0].not_valid_after_utc
    except (OSError, ValueError, IndexError) as error:
        raise CallerError(
            what="the certificate cannot be read as PEM",
            value=str(certificate),
            next_step="give the chain as PEM, the gateway's own certificate first",
        ) from error


def _reason(error: ssl.SSLError | ValueError) -> str:
    reason = getattr(error, "reason", None)
    return str(reason).replace("_", " ").lower() if reason else str(error)
