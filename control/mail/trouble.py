"""What goes wrong on the way to a mail server, in sentences that say what to change."""

from __future__ import annotations

import socket
import ssl
from enum import StrEnum

from control.records import MailServer

MOST_SAID = 200
"""Characters of the server's own words that are repeated."""


class Step(StrEnum):
    """Where it went wrong."""

    NAME = "name"
    CONNECT = "connect"
    TLS = "tls"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"


class Trouble(Exception):
    """``for_good``: this letter will never be taken. Everything else may be better next time, or once the settings
    are right."""

    def __init__(self, step: Step, text: str, for_good: bool = False) -> None:
        super().__init__(text)
        self.step = step
        self.text = text
        self.for_good = for_good


def _place(server: MailServer) -> str:
    return f"{server.host} port {server.port}"


def told(step: Step, server: MailServer, error: BaseException) -> Trouble:
    """The trouble behind an exception at this step."""
    said = _code_of(error)
    if said is not None and step in _ANSWERS:
        return _ANSWERS[step](server, *said)
    found = _behind(error)
    for kind, sentence in _SENTENCES:
        if isinstance(found, kind):
            return Trouble(step, sentence(server, found))
    return Trouble(step, f"{_place(server)}: {_short(str(error))}.")


def not_offered(step: Step, server: MailServer) -> Trouble:
    """STARTTLS, or a login."""
    return Trouble(step, _MISSING[step].format(place=_place(server)))


_MISSING = {
    Step.TLS: "{place} does not offer STARTTLS. Use TLS from the first byte (port 465), or another port.",
    Step.LOGIN: "{place} offers no login. Leave the user name empty, or switch TLS on: many offer it only then.",
}


def _code_of(error: BaseException) -> tuple[int, str] | None:
    """The server's refusal, if it spoke."""
    from aiosmtplib import SMTPResponseException  # only who sends mail needs it

    return (error.code, _short(error.message)) if isinstance(error, SMTPResponseException) else None


def _behind(error: BaseException) -> BaseException:
    """aiosmtplib wraps what the socket said."""
    from aiosmtplib import SMTPException

    while isinstance(error, SMTPException) and isinstance(error.__cause__, OSError | EOFError):
        error = error.__cause__
    return error


def _short(text: str) -> str:
    return " ".join(text.split())[:MOST_SAID].rstrip(".")


# --- nothing was said ----------------------------------------------------------------------------------------------


def _no_such_name(server: MailServer, error: BaseException) -> str:
    return f"The name {server.host} cannot be resolved. Check the host, and the DNS of this machine."


def _bad_certificate(server: MailServer, error: BaseException) -> str:
    why = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
    return (
        f"The certificate of {_place(server)} is not trusted: {_short(why)}. Use the name that it was issued for, or "
        "trust its authority on this machine (SSL_CERT_FILE names a file of trusted ones)."
    )


def _no_tls_spoken(server: MailServer, error: BaseException) -> str:
    hint = "Use STARTTLS instead" if server.use_ssl else "Use TLS from the first byte instead"
    return (
        f"{_place(server)} does not speak TLS as we do: {_short(str(error))}. {hint}, or the port that belongs to it."
    )


def _nobody_listens(server: MailServer, error: BaseException) -> str:
    return f"Nothing listens on {_place(server)}. Check the port (25, 465 or 587) and that the mail server runs."


def _too_slow(server: MailServer, error: BaseException) -> str:
    hint = "" if server.use_ssl else " A server that waits for TLS says nothing either: then switch it on."
    wait = f"{_place(server)} does not answer within {server.timeout} seconds."
    return f"{wait} Check the port, and that no firewall stands between.{hint}"


def _gone(server: MailServer, error: BaseException) -> str:
    return f"{_place(server)} ended the connection in the middle. It is tried again; if it stays so, look at its log."


def _unreachable(server: MailServer, error: BaseException) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{_place(server)} cannot be reached: {_short(said)}. Check the host and the network."


_SENTENCES = (
    (socket.gaierror, _no_such_name),
    (ssl.SSLCertVerificationError, _bad_certificate),
    (ssl.SSLError, _no_tls_spoken),
    (ConnectionRefusedError, _nobody_listens),
    (TimeoutError, _too_slow),
    (ConnectionError, _gone),
    (EOFError, _gone),
    (OSError, _unreachable),
)
"""The first that fits."""


# --- what the server said ------------------------------------------------------------------------------------------


def _greeting(server: MailServer, code: int, said: str) -> Trouble:
    return Trouble(Step.CONNECT, f"{_place(server)} takes no mail from us now: {code} {said}.")


def _no_starttls(server: MailServer, code: int, said: str) -> Trouble:
    return Trouble(Step.TLS, f"{_place(server)} refuses STARTTLS: {code} {said}.")


def _login(server: MailServer, code: int, said: str) -> Trouble:
    if code < 500:
        return Trouble(Step.LOGIN, f"{_place(server)} cannot check the login now: {code} {said}.")
    text = f"{_place(server)} does not let “{server.username}” sign in: {code} {said}. Check user name and password."
    return Trouble(Step.LOGIN, text)


def _from(server: MailServer, code: int, said: str) -> Trouble:
    text = f"{_place(server)} does not accept the sender {server.from_address}: {code} {said}."
    hint = " Set a sender that this server may send for." if code >= 500 else ""
    return Trouble(Step.SENDER, text + hint)


def _to(server: MailServer, code: int, said: str) -> Trouble:
    relay = "relay" in said.lower() or "5.7.1" in said
    if code < 500:
        return Trouble(Step.RECIPIENT, f"{_place(server)} does not take this address now: {code} {said}.")
    if relay:
        hint = "Sign in to it, or let it relay for this machine."
        return Trouble(Step.RECIPIENT, f"{_place(server)} refuses to pass mail on for us: {code} {said}. {hint}")
    return Trouble(Step.RECIPIENT, f"{_place(server)} does not take mail for this address: {code} {said}.", True)


def _content(server: MailServer, code: int, said: str) -> Trouble:
    return Trouble(Step.CONTENT, f"{_place(server)} does not take this mail: {code} {said}.", code >= 500)


_ANSWERS = {
    Step.CONNECT: _greeting,
    Step.TLS: _no_starttls,
    Step.LOGIN: _login,
    Step.SENDER: _from,
    Step.RECIPIENT: _to,
    Step.CONTENT: _content,
}
