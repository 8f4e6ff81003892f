from __future__ import annotations

from rules.secret_attributes import MASK, keys, masked, secret, unmasked


def test_spellings_that_are_one_name_in_ldap_are_one_secret() -> None:
    attributes = {"app/Password": "a", "App-password": "b", "app.-pass.word": "c", "appPassword": "d", "shell": "e"}
    hidden = {"app/Password": "a", "App-password": "b", "app.-pass.word": "c"}
    assert secret(attributes, keys(["app/password"])) == hidden
    assert masked(attributes, keys(["app/password"])) == {**attributes, **dict.fromkeys(hidden, MASK)}
    assert secret(attributes, keys(["", "other"])) == {}
    assert secret(attributes, keys([""])) == {}


def test_a_mask_that_is_written_back_changes_nothing() -> None:
    before = {"app_password": "secret", "shell": "/bin/sh"}
    given = masked(before, keys(["app_password"]))
    assert unmasked(given, before) == before
    assert unmasked({**given, "shell": MASK, "new": MASK}, before) == {**before, "new": MASK}
    assert unmasked({"app_password": "another"}, before) == {"app_password": "another"}
