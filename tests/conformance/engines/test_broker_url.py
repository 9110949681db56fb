"""URLs of brokers: what they may say, and that nothing ever shows their password."""

import pytest

from flight_client.errors import CallerError
from flight_client.gateway.engines import catalog, check_engine_url, shown_url
from flight_client.gateway.engines.broker_url import parse_broker_url


def test_everything_that_a_url_says_is_read() -> None:
    url = parse_broker_url("rediss://us%40er:p%2Fw@[::1]:7000/3?prefix=lab&ca=/ca.pem")
    assert (url.host, url.port, url.user, url.password) == ("::1", 7000, "us@er", "p/w")
    assert (url.path, url.prefix, url.secure, dict(url.files)) == ("3", "lab", True, {"ca": "/ca.pem"})


def test_what_is_not_said_has_a_default() -> None:
    url = parse_broker_url("redis://box")
    assert (url.port, url.path, url.prefix, url.user, url.password, url.secure) == (6379, "", "flight", "", "", False)


def test_what_is_shown_holds_neither_user_nor_password() -> None:
    for shown in (
        shown_url("redis://someone:secret@box:7000/3?prefix=lab"),
        repr(parse_broker_url("redis://someone:secret@box:7000/3?prefix=lab")),
    ):
        assert "redis://box:7000/3" in shown
        assert "secret" not in shown
        assert "someone" not in shown
    assert shown_url("redis://[::1]:7000") == "redis://[::1]:7000"
    assert shown_url("sqlite:flight@home.db") == "sqlite:flight@home.db"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis:", "names no host"),
        ("redis:box", "names no host"),
        ("redis://", "names no host"),
        ("redis://:secret@", "names no host"),
        ("redis://:secret@box:70000", "cannot be read"),
        ("redis://:secret@box:port", "cannot be read"),
        ("redis://:secret@[box", "cannot be read"),
        ("redis://:secret#@box", "has a # in it"),
        ("redis://:secret@box/zero", "no number"),
        ("redis://:secret@box?ca=x", "not known"),
        ("redis://:secret@box?window=5", "not known"),
        ("redis://:secret@box?password=secret", "not known"),
        ("redis://:secret@box?prefix=a/b", "not allowed"),
        ("redis://:secret@box?prefix=", "not allowed"),
        ("redis://:secret@box?prefix", "cannot be read"),
    ],
)
def test_a_url_that_cannot_be_used_says_why_and_never_shows_the_password(url: str, said: str) -> None:
    with pytest.raises(CallerError, match=said) as caught:
        check_engine_url(url)
    assert caught.value.next_step
    assert "secret" not in str(caught.value)


def test_a_package_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalog._NEEDS, "redis", ("redis_that_is_not_there", "redis"))
    with pytest.raises(CallerError, match="not installed") as caught:
        check_engine_url("redis://someone:secret@box")
    assert "pip install 'flight-realtime[gateway,redis]'" in str(caught.value)
    assert "secret" not in str(caught.value)
