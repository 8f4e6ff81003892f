"""What people read of an event."""

from __future__ import annotations

import json

from control.notifications.wording import sentence, slack
from control.records import Event

LURE = "<https://evil.example.com|Sign in again> <!channel> & more"


def test_a_chat_makes_nothing_of_what_strangers_type() -> None:
    event = Event("login_failed", context={"username": LURE, "reason": "unknown_user"}, client_ip="198.51.100.7")
    posted = slack(sentence(event), "alert", None, event)
    [told] = json.loads(posted)["attachments"]
    written = "&lt;https://evil.example.com|Sign in again&gt; &lt;!channel&gt; &amp; more"
    assert told["text"] == told["fallback"] == f"Login failed by {written} from 198.51.100.7: unknown_user"
    assert {"title": "username", "value": written, "short": False} in told["fields"]
    assert b"<" not in posted
