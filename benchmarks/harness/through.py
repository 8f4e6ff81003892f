"""One request through nginx, which asks us about it first: what a whole visit costs, in us and in nginx."""

from __future__ import annotations

from benchmarks.harness import wire
from benchmarks.harness.bench import Bench, Table
from benchmarks.harness.contest import Contender, compete, record
from benchmarks.harness.load import Load
from benchmarks.harness.ours import ADMINISTRATOR_PK, Installation, session_cookies
from benchmarks.harness.peers import Peer

NAMES = ("username", "groups", "entitlements", "email", "name", "uid", "jwt")
AUTH = (
    """\
    upstream application {{ server 127.0.0.1:{application}; keepalive 64; keepalive_requests 1000000000; }}
    upstream outpost {{ server 127.0.0.1:{outpost}; keepalive 64; keepalive_requests 1000000000; }}
    proxy_buffer_size 32k;
    proxy_buffers 8 32k;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            auth_request /auth;
"""
    + "".join(f"            auth_request_set ${name} $upstream_http_x_authentik_{name};\n" for name in NAMES)
    + "".join(f"            proxy_set_header X-Authentik-{name.title()} ${name};\n" for name in NAMES)
    + """\
            proxy_set_header Host $host;
            proxy_set_header Connection "";
            proxy_http_version 1.1;
            proxy_pass http://application;
        }}
        location = /auth {{
            internal;
            proxy_pass http://outpost/outpost.goauthentik.io/auth/nginx;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header Host $host;
            proxy_set_header X-Original-URL $scheme://$host$request_uri;
            proxy_set_header X-Original-Method $request_method;
            proxy_set_header X-Forwarded-For $remote_addr;
        }}
    }}
"""
)
"""As `examples/nginx.conf`, with connections that are kept."""


def measure(bench: Bench, table: Table, ours: list[Installation], nginxes: list[Peer], alone: Peer) -> None:
    """``nginxes``: one in front of each of ours; ``alone``: one that asks nobody, for the ratio."""
    file = bench.questions([(wire.visit(cookie), b"") for cookie in session_cookies(ADMINISTRATOR_PK, 64)])
    load = Load("stream", {"protocol": "http", "file": file, "connections": 64})
    contenders = []
    for one, nginx in zip(ours, nginxes, strict=True):
        aimed = load.but(port=nginx.ports["http"])
        contenders.append(Contender(one.name, aimed.but(pid=one.outpost.pid)))
        contenders.append(Contender(f"nginx in front of {one.name}", aimed.but(pid=nginx.server.pid)))
    contenders.append(Contender("nginx proxy_pass", load.but(port=alone.ports["http"], pid=alone.server.pid)))
    compete(bench, contenders)
    record(table, "GET through nginx auth_request, session known", contenders, "nginx proxy_pass")
