from __future__ import annotations

from base64 import b64encode

import pytest

from protocols.proxy.basic import MAX_BASIC_LENGTH, NotCredentials, basic_credentials


def basic(content: bytes) -> bytes:
    return b"Basic " + b64encode(content)


@pytest.mark.parametrize(
    ("authorization", "credentials"),
    [
        (b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", ("Aladdin", "open sesame")),
        (b"bAsIc  QWxhZGRpbjpvcGVuIHNlc2FtZQ== ", ("Aladdin", "open sesame")),
        (basic(b"alice:"), ("alice", "")),
        (basic(b"alice:a:b:"), ("alice", "a:b:")),
        (basic("jörg:pä£ss".encode()), ("jörg", "pä£ss")),
    ],
)
def test_read(authorization: bytes, credentials: tuple[str, str]) -> None:
    assert basic_credentials(authorization) == credentials


@pytest.mark.parametrize(
    "authorization",
    [
        b"",
        b"Basic",
        b"Basic ",
        b"Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        b"BasicQWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ",
        b"Basic QWxh ZGRpbjpvcGVuIHNlc2FtZQ==",
        b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==, Basic eDp5",
        b"Basic ====",
        b"Basic \xff",
        basic(b"no colon"),
        basic(b":nameless"),
        basic(b"\xff\xfe:not UTF-8"),
        basic(b"alice\0:secret"),
        basic(b"alice:sec\nret"),
        basic(b"alice\x7f:secret"),
        basic(b"a" * MAX_BASIC_LENGTH + b":b"),
    ],
)
def test_refused(authorization: bytes) -> None:
    with pytest.raises(NotCredentials) as refused:
        basic_credentials(authorization)
    assert "secret" not in str(refused.value)
