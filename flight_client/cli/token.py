"""Make tokens, and revoke them.

A token lets a device or a tool connect. It is signed with the gateway's key, so both commands run where that key is: on the
gateway's machine, with the same --state-dir or --key-file. A revoked token ends running sessions within 5 seconds.

examples:
  flight token new --device my-dc                  a token for one device
  flight token new --role subscribe --days 1       for any device, to listen for a day
  flight token revoke TOKEN                        not accepted any more
  some-vault read old-token | flight token revoke -
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from flight_client.errors import CallerError, RefusedError
from flight_client.gateway.auth import (
    DEVELOPMENT_LIFETIME_S,
    ROLES,
    SigningKey,
    TokenVerifier,
    development_key,
    load_key,
    make_token,
)
from flight_client.gateway.revoked import FILE, revoke

_DAY_S = 86400


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `flight token`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = actions.add_parser("new", help="print a new token", allow_abbrev=False)
    new.add_argument("--device", default="*", metavar="ID", help="a device id, or its beginning and * (default: any)")
    new.add_argument("--role", action="append", metavar="ROLE", help="publish or subscribe; repeatable (default: both)")
    new.add_argument("--days", type=int, default=DEVELOPMENT_LIFETIME_S // _DAY_S, help="its life (default 30)")
    old = actions.add_parser("revoke", help="accept a token no more", allow_abbrev=False)
    old.add_argument("token", metavar="TOKEN", help="the token; - reads it from standard input")
    for action in (new, old):
        action.add_argument("--state-dir", metavar="DIR", help="folder of the gateway's key (default ~/.flight)")
        action.add_argument("--key-file", metavar="FILE", help="key of the gateway, instead of the development key")


def run(arguments: argparse.Namespace) -> int:
    """`flight token`."""
    folder = Path(arguments.state_dir or os.environ.get("FLIGHT_STATE_DIR") or Path.home() / ".flight")
    file = arguments.key_file or os.environ.get("FLIGHT_KEY_FILE")
    key = load_key(Path(file)) if file else development_key(folder)
    if arguments.action == "new":
        print(make_token(key, arguments.device, arguments.role or list(ROLES), arguments.days * _DAY_S))
        return 0
    return _revoke(arguments.token, key, folder)


def _revoke(word: str, key: SigningKey, folder: Path) -> int:
    token = (sys.stdin.readline() if word == "-" else word).strip()
    try:
        identity = TokenVerifier([key]).verify_token(token)
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
