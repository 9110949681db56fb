"""SHA-256 and HMAC of the core: the standards' own examples, and equal to hashlib for everything else."""

import hashlib
import hmac

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flight_client._core import ffi, lib

# FIPS 180-4's examples and their neighbours: empty, one block, two blocks, a million letters.
EXAMPLES = [
    (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
        b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ),
    (b"a" * 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
]

# RFC 4231, test cases 1 to 7: key, message, code (case 5 is cut to 16 bytes there).
RFC_4231 = [
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (bytes(range(1, 26)), b"\xcd" * 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    (b"\x0c" * 20, b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        (
            b"This is a test using a larger than block-size key and a larger than block-size data. "
            b"The key needs to be hashed before being used by the HMAC algorithm."
        ),
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
]


def sha256(*parts: bytes) -> bytes:
    hash_ = ffi.new("flight_sha256 *")
    digest = ffi.new("uint8_t[32]")
    lib.flight_sha256_begin(hash_)
    for part in parts:
        lib.flight_sha256_add(hash_, part, len(part))
    lib.flight_sha256_end(hash_, digest)
    assert bytes(ffi.buffer(hash_)) == bytes(ffi.sizeof("flight_sha256"))  # nothing of the message stays
    return bytes(digest)


def code(key: bytes, *messages: bytes, tag_bytes: int = 32) -> list[bytes]:
    mac = ffi.new("flight_hmac *")
    lib.flight_hmac_key(mac, key, len(key))
    codes = []
    for message in messages:
        tag = ffi.new("uint8_t[]", b"\xee" * 40)
        lib.flight_hmac_begin(mac)
        lib.flight_sha256_add(ffi.addressof(mac, "hash"), message, len(message))
        written = lib.flight_hmac_end(mac, tag, tag_bytes)
        assert written == min(tag_bytes, 32)
        assert bytes(tag[written:40]) == b"\xee" * (40 - written)
        codes.append(bytes(tag[0:written]))
    return codes


@pytest.mark.parametrize(("message", "digest"), EXAMPLES)
def test_the_examples_of_the_standard(message: bytes, digest: str) -> None:
    assert sha256(message).hex() == digest


@given(st.lists(st.binary(max_size=200), max_size=4))
@example([b"x" * 55])
@example([b"x" * 56])
@example([b"x" * 63])
@example([b"x" * 64, b"y"])
def test_any_message_in_any_pieces_gives_what_hashlib_gives(parts: list[bytes]) -> None:
    assert sha256(*parts) == hashlib.sha256(b"".join(parts)).digest()


def test_the_length_is_counted_beyond_32_bits() -> None:
    # 4 GiB would take too long; a hash that believes it has had them must differ by its length alone.
    hash_ = ffi.new("flight_sha256 *")
    digest = ffi.new("uint8_t[32]")
    lib.flight_sha256_begin(hash_)
    lib.flight_sha256_add(hash_, b"\0" * 64, 64)
    hash_.bytes = 0xFFFFFFC0
    lib.flight_sha256_add(hash_, b"\0" * 64, 64)
    assert (hash_.bytes, hash_.wraps) == (0, 1)
    lib.flight_sha256_end(hash_, digest)
    other = ffi.new("flight_sha256 *")
    plain = ffi.new("uint8_t[32]")
    lib.flight_sha256_begin(other)
    lib.flight_sha256_add(other, b"\0" * 128, 128)
    other.bytes = 0
    lib.flight_sha256_end(other, plain)
    assert bytes(digest) != bytes(plain)


@pytest.mark.parametrize(("key", "message", "expected"), RFC_4231)
def test_the_vectors_of_rfc_4231(key: bytes, message: bytes, expected: str) -> None:
    assert code(key, message, tag_bytes=len(expected) // 2) == [bytes.fromhex(expected)]


@given(st.binary(max_size=140), st.lists(st.binary(max_size=150), min_size=1, max_size=3), st.integers(0, 40))
@example(b"k" * 64, [b"m"], 8)
@example(b"k" * 65, [b"m"], 8)
def test_one_key_serves_many_messages(key: bytes, messages: list[bytes], tag_bytes: int) -> None:
    expected = [hmac.digest(key, message, "sha256")[:tag_bytes] for message in messages]
    assert code(key, *messages, tag_bytes=tag_bytes) == expected


@given(st.binary(min_size=1, max_size=40), st.data())
def test_codes_are_the_same_only_if_every_bit_is(a: bytes, data: st.DataObject) -> None:
    assert lib.flight_same_code(a, a, len(a)) == 1
    at = data.draw(st.integers(0, len(a) - 1))
    b = bytearray(a)
    b[at] ^= 1 << data.draw(st.integers(0, 7))
    assert lib.flight_same_code(a, bytes(b), len(a)) == 0
    assert lib.flight_same_code(a, bytes(b), 0) == 1
