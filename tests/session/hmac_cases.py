"""What test_hmac_sha256.py runs on a board: every case, with and without the interpreter's own. Common subset."""

# mypy: ignore-errors
# MicroPython has no typing module, so the types are left out.

from flight_client.hmac_sha256 import Hmac, same_code, sha256
from flight_client.sha256 import OwnSha256

# RFC 4231: key, data, code
RFC_4231 = (
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (bytes(range(1, 26)), b"\xcd" * 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    (b"\x0c" * 20, b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
    (
        b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        (
            b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be "
            b"hashed before being used by the HMAC algorithm."
        ),
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
)  # fmt: skip
FIPS_180_4 = (
    (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
        b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ),
)


def hexed(data):
    return "".join(f"{byte:02x}" for byte in data)


def run():
    """The number of checks that held; the first that does not raises."""
    done = 0
    for data, expected in FIPS_180_4:
        assert hexed(sha256(data)) == hexed(OwnSha256(data).digest()) == expected, data
        done += 1
    for key, data, expected in RFC_4231:
        for own in ((), (OwnSha256,)):
            found = hexed(Hmac(key, *own).digest(data))
            assert found[: len(expected)] == expected, (key, own)
            assert Hmac(key, *own).digest(data[:3], data[3:]) == Hmac(key, *own).digest(data)
            done += 1
    for size in range(130):  # every place of the end in its block
        data = bytes([(7 * i + size) & 0xFF for i in range(size)])
        own = OwnSha256(data[: size // 2])
        own.update(data[size // 2 :])
        assert own.digest() == sha256(data), size
        done += 1
    assert same_code(b"abc", b"abc")
    assert not same_code(b"abc", b"abd")
    assert not same_code(b"abc", b"abcd")
    return done
