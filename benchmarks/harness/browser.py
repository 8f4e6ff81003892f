"""A browser as far as measuring needs one: a kept-alive connection, cookies, and the time that each answer took."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


class Answer:
    def __init__(self, status: int, headers: http.client.HTTPMessage, body: bytes) -> None:
        self.status, self.body = status, body
        self.location: str = headers.get("Location", "")
        self.cookies: list[str] = headers.get_all("Set-Cookie") or []

    def json(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.body)
        return found


class Browser:
    """Use as a context. ``seconds`` adds up what the requests have taken."""

    def __init__(self, port: int) -> None:
        self.seconds = 0.0
        self.cookies: dict[str, str] = {}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("GET", url, None, headers)

    def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("POST", url, urlencode(form).encode(), {"Content-Type": FORM, **(headers or {})})

    def post_json(self, url: str, told: Mapping[str, str]) -> Answer:
        return self.ask("POST", url, json.dumps(told).encode(), {"Content-Type": JSON})

    def ask(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str] | None = None) -> Answer:
        """Of a whole URL only path and query count: everything is asked of one server."""
        parts = urlsplit(url)
        sent = {"Accept": "text/html,*/*;q=0.8", "User-Agent": "Mozilla/5.0", **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        began = time.perf_counter()
        self._connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body, sent)
        response = self._connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        self.seconds += time.perf_counter() - began
        for cookie in answer.cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer
