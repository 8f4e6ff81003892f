"""A letter as the bytes that a mail server takes (RFC 5322, and MIME for text beside HTML)."""

from __future__ import annotations

from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from control.mail.domains import in_dns
from control.records import Letter

FALLBACK_DOMAIN = "localhost"


class BadAddress(Exception):
    """No mail can go to or come from this address; the text is a sentence."""


def sender(text: str) -> Address:
    """``name@example.com``, or ``Name <name@example.com>``. Raises BadAddress."""
    name, address = parseaddr(text)
    return _address(address or text, name)


def bare(text: str) -> str:
    """What stands in the envelope: the domain in its ASCII form. Raises BadAddress."""
    return _address(text).addr_spec


def message(letter: Letter, sent_by: str, now: float) -> EmailMessage:
    """``sent_by`` as in `sender`. The same letter has the same Message-ID each time. Raises BadAddress."""
    author = sender(sent_by)
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = author
    mail["To"] = _address(letter.to)
    mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    mail["Message-ID"] = f"<{letter.pk}@{author.domain or FALLBACK_DOMAIN}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834, 5: nobody's holiday notice answers it
    mail.set_content(letter.text)
    if letter.html:
        mail.add_alternative(letter.html, subtype="html")
    return mail


def _address(text: str, name: str = "") -> Address:
    local, at, domain = text.rpartition("@")
    try:
        if not (local and at and domain and text.isprintable()) or " " in text:
            raise ValueError
        return Address(name, local, in_dns(domain))
    except (ValueError, IndexError, UnicodeError):
        raise BadAddress(f"“{text}” is not an e-mail address, such as name@example.com.") from None
