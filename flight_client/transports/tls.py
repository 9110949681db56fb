"""TLS as a client: the gateway's certificate is always checked, its name too. There is no switch to leave that out."""

from __future__ import annotations

import functools
import ssl

from ..errors import CallerError, LinkError


@functools.lru_cache(maxsize=8)
def client_context(ca_file: str = "") -> ssl.SSLContext:
    """The context for all connections that trust the same authorities; reading those of the system takes its time.

    ca_file: a PEM file whose authorities are trusted, and no others. Empty: those of the system. Raises CallerError.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise CallerError(
            what=f"the file of trusted certificates cannot be used ({str(reason).replace('_', ' ').lower()})",
            value=ca_file,
            next_step="give a PEM file with the certificate of the authority that signed the gateway's, or with that one itself",
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def handshake_failed(address: object, error: BaseException) -> LinkError | None:
    """The error for a handshake that failed; None for any other trouble."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return LinkError(
            what=f"the certificate of {address} is not trusted",
            value=cause.verify_message,
            next_step="give the file of the authority that signed it (ca_file, --ca-file), use the name that stands in the "
            "certificate, or have it renewed",
        )
    if isinstance(cause, ssl.SSLError):
        return LinkError(
            what=f"{address} does not speak TLS with us",
            value=cause.reason or str(cause),
            next_step="check that the gateway was started with --tls-cert, or use an address without TLS",
        )
    return None
