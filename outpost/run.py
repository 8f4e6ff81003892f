"""`outpost run`: an outpost alone, near the apps; control is elsewhere (DESIGN D2, D7)."""

from __future__ import annotations

import os

from outpost.listeners.inherited import handed_over
from outpost.process import EXIT_FAILED, Process, begin, complain
from settings import Settings


def main(settings: Settings) -> int:
    """Runs until stopped; the exit code."""
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

    from outpost.app import Outpost
    from outpost.config import OutpostConfig
    from outpost.link_http import HttpTransport
    from outpost.sealed import Seal

    token = settings.token.reveal()
    transport = HttpTransport(settings.host, token, reactor, ca_file=settings.ca_file, insecure=settings.insecure)
    reactor.addSystemEventTrigger("during", "shutdown", transport.close)
    outpost = Outpost(OutpostConfig.from_settings(settings), transport, reactor, seal=Seal(token), inherited=inherited)
    follows = [f"Follows control at {', '.join(settings.host)}."]
    try:
        return Process(settings, outpost, reactor, lambda ports: follows).run()
    finally:
        ours.close()
