"""Make tokens and keys, and revoke tokens.

A token lets a device or a tool connect. It is signed with a key: by default with the gateway's own, on the gateway's machine, with
the same --state-dir or --key-file. With a key pair, tokens are made where the private key is (--key FILE), and the gateway has
only the public part (`flight gateway --jwks FILE`). A revoked token ends running sessions within 5 seconds.

examples:
  flight token new --device my-dc                  a token for one device
  flight token new --role viewer --days 1          for any device, to listen for a day
  flight token new --role developer --permission system-monitoring --org acme
  flight token key new signing.json                a key pair: signing.json (keep it) and signing.jwks.json (for gateways)
  flight token new --device my-dc --key signing.json
  flight token revoke TOKEN                        not accepted any more
  some-vault read old-token | flight token revoke -
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from flight_client.errors import CallerError, RefusedError
from flight_client.gateway.auth import (
    DEVELOPMENT_LIFETIME_S,
    ROLES,
    SigningKey,
    TokenVerifier,
    VerifyKey,
    development_key,
    load_key,
    make_token,
    new_key,
)
from flight_client.gateway.jwks import JWKS_BYTES, jwks_text, parse_jwks
from flight_client.gateway.jwks_source import is_url
from flight_client.gateway.key_files import key_text, write_secret
from flight_client.gateway.keys import HS256
from flight_client.gateway.revoked import FILE, revoke

_DAY_S = 86400
_KEY_DAYS = 3660
_BOTH = ["publish", "subscribe"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `flight token`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = actions.add_parser("new", help="print a new token", description="Print a new token.", allow_abbrev=False)
    new.add_argument("--device", default="*", metavar="ID", help="a device id, or its beginning and * (default: any)")
    new.add_argument(
        "--role", action="append", metavar="ROLE", help=f"{', '.join(ROLES)}; repeatable (default: publish, subscribe)"
    )
    new.add_argument(
        "--permission", action="append", metavar="NAME", help="a permission that channels ask for; repeatable"
    )
    new.add_argument("--org", default="", metavar="NAME", help="the organisation whose channels it opens")
    new.add_argument("--days", type=int, default=DEVELOPMENT_LIFETIME_S // _DAY_S, help="its life (default 30)")
    old = actions.add_parser(
        "revoke", help="accept a token no more",
        description="Accept a token no more; running sessions with it end within 5 seconds.", allow_abbrev=False,
    )  # fmt: skip
    old.add_argument("token", metavar="TOKEN", help="the token; - reads it from standard input")
    old.add_argument("--jwks", metavar="FILE", help="public keys of the gateway, where it has them")
    for action in (new, old):
        action.add_argument(
            "--state-dir",
            metavar="DIR",
            help="folder of the gateway's key (environment FLIGHT_STATE_DIR; default ~/.flight)",
        )
        action.add_argument("--key-file", "--key", metavar="FILE", help="key to use, instead of the development key")
    keys = actions.add_parser("key", help="make a key pair", description="Make a key pair.", allow_abbrev=False)
    key_actions = keys.add_subparsers(dest="key_action", metavar="ACTION", required=True)
    pair = key_actions.add_parser(
        "new", help="write a private key and its public JWKS",
        description="Write a private key and its public JWKS.", allow_abbrev=False,
    )  # fmt: skip
    pair.add_argument("file", type=Path, metavar="FILE", help="the private key's file; it must not be there yet")
    pair.add_argument(
        "--jwks", type=Path, metavar="FILE", help="the public one (default: FILE with .jwks.json); added to those in it"
    )
    pair.add_argument("--days", type=int, metavar="N", help="when the key ends (default: it has no end)")
    pair.add_argument("--algorithm", default="EdDSA", metavar="NAME", help="EdDSA or ES256 (default EdDSA)")
    pair.add_argument("--key-id", default="", metavar="ID", help="the key's id in tokens (default: a random one)")


def run(arguments: argparse.Namespace) -> int:
    """`flight token`."""
    if arguments.action == "key":
        return _new_key(arguments)
    folder = Path(arguments.state_dir or os.environ.get("FLIGHT_STATE_DIR") or Path.home() / ".flight")
    file = arguments.key_file or os.environ.get("FLIGHT_KEY_FILE")
    if arguments.action == "revoke" and (arguments.jwks or os.environ.get("FLIGHT_JWKS")) and not file:
        return _revoke(arguments.token, _public_keys(arguments.jwks or os.environ["FLIGHT_JWKS"]), folder)
    key = load_key(Path(file)) if file else development_key(folder)
    if arguments.action == "revoke":
        return _revoke(arguments.token, [key], folder)
    token = make_token(
        key,
        arguments.device,
        arguments.role or _BOTH,
        arguments.days * _DAY_S,
        permissions=arguments.permission or (),
        org=arguments.org,
    )
    print(token)
    return 0


def _new_key(arguments: argparse.Namespace) -> int:
    file: Path = arguments.file
    if arguments.algorithm == HS256:
        raise CallerError(
            what="HS256 has no public part",
            value=HS256,
            next_step="use EdDSA or ES256; a gateway makes an HS256 key by itself",
        )
    if arguments.days is not None and not 1 <= arguments.days <= _KEY_DAYS:
        raise CallerError(
            what="the key's life is out of range", value=f"{arguments.days} days", next_step=f"use 1 to {_KEY_DAYS}"
        )
    key = new_key(arguments.algorithm, arguments.key_id)
    public: Path = arguments.jwks or file.with_name(f"{file.name.removesuffix('.json')}.jwks.json")
    ends_s = int(time.time()) + arguments.days * _DAY_S if arguments.days is not None else None
    for path in (file,) if arguments.jwks else (file, public):
        if os.path.lexists(path):
            raise CallerError(
                what="there is a file already, and a key is not written over",
                value=str(path),
                next_step="choose another name",
            )
    try:
        text = jwks_text([key], ends_s, _known(public))
        parse_jwks(text.encode(), str(public))
        write_secret(file, key_text(key))
        part = public.with_name(f".{public.name}.part")
        part.write_text(text, encoding="ascii")
        part.replace(public)  # a gateway that reads it at this moment finds all of it
    except OSError as error:
        raise CallerError(
            what=f"the key cannot be written ({error.strerror})",
            value=str(error.filename or file),
            next_step="choose a folder that this user may write",
        ) from error
    print(f"private key {key.key_id} ({key.algorithm}): {file}   keep it where tokens are made")
    print(f"public keys: {public}   for gateways: flight gateway --jwks {public}")
    return 0


def _known(public: Path) -> str:
    """The JWKS that the key is added to; a gateway must be able to read it, else nothing is written."""
    if not public.exists():
        return ""
    data = public.read_bytes()
    parse_jwks(data, str(public))
    return data.decode()


def _public_keys(source: str) -> list[VerifyKey]:
    if is_url(source):
        raise CallerError(
            what="a token is revoked with a file of keys", value=source, next_step="save it first, then --jwks FILE"
        )
    try:
        with Path(source).open("rb") as stream:
            return list(parse_jwks(stream.read(JWKS_BYTES + 1), source).values())
    except OSError as error:
        raise CallerError(
            what=f"the JWKS cannot be read ({error.strerror})", value=source, next_step="name the gateway's JWKS file"
        ) from error


def _revoke(word: str, keys: list[SigningKey] | list[VerifyKey], folder: Path) -> int:
    token = (sys.stdin.readline() if word == "-" else word).strip()
    try:
        identity = TokenVerifier(keys).verify_token(token)
    except RefusedError as error:
        if error.name == "expired-token":
            print("this token has ended by itself; there is nothing to revoke")
            return 0
        raise CallerError(
            what="this is no token of this gateway's key",
            value=error.text,
            next_step="give the whole token, and the --state-dir or --key-file of the gateway that made it",
        ) from None
    if revoke(folder / FILE, identity):
        print(f"revoked: the token for {identity.subject}; running sessions with it end within 5 seconds")
    else:
        print(f"the token for {identity.subject} was revoked already")
    return 0
