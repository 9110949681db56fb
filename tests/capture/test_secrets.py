"""What is secret stays out of a recording, and it replays all the same."""

from pathlib import Path

import pytest

from flight_client.capture import replay
from flight_client.capture.masks import Masks
from flight_client.session import spec
from tests.capture.sessions import SESSION_ID, TOKEN, Desk, record_small


def secrets_of(desk: Desk) -> dict[str, bytes]:
    proofs = [payload[24:40] for kind, payload in desk.sent if kind in (spec.TYPE_ATTACH, spec.TYPE_POLL)]
    assert len(set(proofs)) > 2
    key = desk.session.prover._key  # type: ignore[attr-defined]
    assert len(key) == 32
    found = {"token": TOKEN, "session id": SESSION_ID, "key": key}
    return found | {f"proof {number}": proof for number, proof in enumerate(proofs)}


def found_in(data: bytes, secret: bytes) -> bool:
    """As bytes, as text of hexadecimal digits, or any eight bytes of it."""
    parts = [secret[i : i + 8] for i in range(len(secret) - 7)]
    return secret.hex().encode() in data or any(part in data for part in parts)


def test_a_recording_holds_no_token_no_key_no_session_id_and_no_proof(tmp_path: Path) -> None:
    desk = record_small(tmp_path / "a")
    data = (tmp_path / "a").read_bytes()
    for name, secret in secrets_of(desk).items():
        assert not found_in(data, secret), name
    assert replay(tmp_path / "a").same


def test_with_secrets_it_holds_what_was_sent(tmp_path: Path) -> None:
    desk = record_small(tmp_path / "a", with_secrets=True)
    data = (tmp_path / "a").read_bytes()
    secrets = secrets_of(desk)
    del secrets["key"]  # it is never sent
    for name, secret in secrets.items():
        assert found_in(data, secret), name
    for _, payload in desk.sent:
        assert payload in data
    assert replay(tmp_path / "a").same


def test_equal_tokens_look_equal_within_a_file_and_different_in_another(tmp_path: Path) -> None:
    one, other = Masks(with_secrets=False), Masks(with_secrets=False)
    assert one.token(TOKEN) == one.token(TOKEN) != other.token(TOKEN)
    assert one.token(TOKEN) != one.token(TOKEN[:-1] + b"!")
    for size in (0, 1, 63, 64, 65, 480):
        masked = one.token(b"t" * size)
        assert len(masked) == size
        assert size < 2 or masked != b"t" * size


def test_a_token_that_comes_back_is_masked_however_many_came_between() -> None:
    masks = Masks(with_secrets=False)
    for number in (1, 2, 3, 4, 1, 5, 6, 7):
        masks.token(TOKEN + bytes((number,)))
    for number in (1, 5, 6, 7):
        token = TOKEN + bytes((number,))
        payload = bytearray(52) + len(token).to_bytes(2, "little") + token
        masked = masks.frame_out(spec.TYPE_HELLO, payload)
        assert not found_in(masked, token)
        assert masked[:54] == payload[:54]
        assert masked[54:] == masks.token(token)


def test_a_masked_session_shows_the_same_id_wherever_it_stands(tmp_path: Path) -> None:
    record_small(tmp_path / "a")
    from flight_client.capture.format import CaptureFile
    from flight_client.capture.header import codec_of

    file = CaptureFile(tmp_path / "a")
    codec = codec_of(file.header)
    ids = set()
    for body in file.records():
        step = codec.read(body)
        if step.sent is not None and step.sent.kind in (spec.TYPE_ATTACH, spec.TYPE_POLL):
            ids.add(step.sent.payload[:16])
        elif step.name == "inbox.receive" and step.arguments[0] == spec.TYPE_WELCOME:
            payload = step.arguments[5]
            assert isinstance(payload, bytes)
            ids.add(payload[:16])
            assert payload[16:] == _welcome_rest()
    file.close()
    assert len(ids) == 1


def _welcome_rest() -> bytes:
    from tests.capture.sessions import welcome

    return welcome()[16:]


@pytest.mark.skipif(not hasattr(Path, "chmod"), reason="files have no modes here")
def test_nobody_else_may_read_the_file(tmp_path: Path) -> None:
    record_small(tmp_path / "a")
    assert (tmp_path / "a").stat().st_mode & 0o077 == 0
