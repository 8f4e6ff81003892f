"""`outpost run`: an outpost alone, near the apps; control is elsewhere (DESIGN D2, D7)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from socket import gethostname
from typing import Any

from outpost.link.order_of_controls import in_own_order
from outpost.listeners.inherited import handed_over
from outpost.process import EXIT_FAILED, Process, begin, complain
from settings import Settings


def main(settings: Settings, arguments: Sequence[str] = (), worker: bool = False) -> int:
    """Runs until stopped; the exit code. ``arguments``: of the command line, for workers. ``worker``: this is one."""
    inherited = handed_over(os.environ, (os.getpid(), os.getppid()))
    ours = begin(settings)
    if ours is None:
        return EXIT_FAILED
    if not settings.host or settings.token is None:
        complain(
            "OUTPOST_HOST and OUTPOST_TOKEN say where control is and who this outpost is. Set both; the token stands "
            "beside the outpost in control (API: /api/v3/core/tokens/, identifier ak-outpost-<its uuid>-api)."
        )
        ours.close()
        return EXIT_FAILED
    from outpost.reactor import install

    install()
    from twisted.internet import reactor

    from outpost.link.trust import UNUSABLE, ControlPolicy, Trust

    try:
        policy = ControlPolicy(Trust.from_settings(settings))
    except UNUSABLE as error:
        complain(
            f"OUTPOST_CA_FILE, OUTPOST_CLIENT_CERTIFICATE or OUTPOST_CLIENT_KEY cannot be used: {error}. Each names a "
            "PEM file that this user may read; the key must have no passphrase, and belong to the certificate."
        )
        ours.close()
        return EXIT_FAILED

    follows = [f"Follows control at {', '.join(settings.host)}."]
    if settings.workers > 1:
        from outpost.workers.parent import Workers

        parent = Workers(settings, reactor, inherited, arguments)
        follows.append(f"Shared by {settings.workers} workers.")
        try:
            return Process(settings, parent, reactor, lambda ports: follows).run()
        finally:
            ours.close()

    from outpost.app import Outpost
    from outpost.config import OutpostConfig
    from outpost.kept.sealed import Seal
    from outpost.link.http import HttpTransport
    from outpost.workers.lifeline import Lifeline

    token = settings.token.reveal()
    identity = "\0".join((token, gethostname(), str(settings.data_dir.absolute())))
    hosts = in_own_order(settings.host, identity)
    transport = HttpTransport(hosts, token, reactor, policy)
    reactor.addSystemEventTrigger("during", "shutdown", transport.close)
    outpost = Outpost(OutpostConfig.from_settings(settings), transport, reactor, seal=Seal(token), inherited=inherited)
    if worker:
        lifeline: Any = Lifeline(reactor)
        reactor.addReader(lifeline)
    try:
        return Process(settings, outpost, reactor, None if worker else lambda ports: follows).run()
    finally:
        ours.close()
