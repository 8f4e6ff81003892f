"""Devices that can show nothing but their hardware address (printers, telephones): MAC authentication bypass.

An address is no secret. So only providers that say so let devices in, and what a device gets is its own user's.
"""

from __future__ import annotations

import re
from hashlib import pbkdf2_hmac

from control.authentication import Prove, Proved
from control.flows.state import FlowStore
from control.radius.credentials import SESSION, of_device
from control.records import Device, Provider, User
from control.store.interface import Transaction
from protocols.link.messages import Authenticate, ReplyAttribute

TAG = 1
"""Holds the attributes of one tunnel together (RFC 2868)."""
PMK_ROUNDS, LONGEST_SSID = 4096, 32
ADDRESS = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


def device(store: FlowStore) -> Prove:
    async def prove(provider: Provider, question: Authenticate) -> Proved:
        address = question.proof.get("address")
        if not isinstance(address, str) or ADDRESS.fullmatch(address) is None:
            return Proved("malformed_proof")
        if not provider.settings.get("mac_authentication", False):
            return Proved("devices_not_allowed")
        return await store.read(lambda tx: _proved(tx, address, question.attributes.get("ssid", "")))

    return prove


def _proved(tx: Transaction, address: str, ssid: str) -> Proved:
    found = tx.find(Device, address=address)
    return Proved("unknown_device") if found is None else stands_for(tx, found, ssid)


def stands_for(tx: Transaction, found: Device, ssid: str = "") -> Proved:
    """A device that is known is let in as its user. ``ssid``: of the Wi-Fi that it asks for."""
    user = tx.find(User, pk=found.user) if found.user is not None else None
    if not found.enabled:
        return Proved("device_disabled", found.user)
    if user is None:
        return Proved("device_of_nobody")
    keys = {SESSION: of_device(found.pk)}
    return Proved("accepted", user.pk, user.credential_version, reuse=None, keys=keys, reply=reply(found, ssid))


def reply(device: Device, ssid: str = "") -> tuple[ReplyAttribute, ...]:
    """Its VLAN (RFC 3580 section 3.31), and its own key in the words of those who sell access points."""
    found = []
    if device.vlan:
        found += [
            ReplyAttribute("Tunnel-Type", "VLAN", TAG),
            ReplyAttribute("Tunnel-Medium-Type", "IEEE-802", TAG),
            ReplyAttribute("Tunnel-Private-Group-ID", device.vlan, TAG),
        ]
    if psk := device.secrets.get("psk"):
        found += [
            ReplyAttribute("Tunnel-Password", psk, TAG),
            ReplyAttribute("Cisco-AVPair", "psk-mode=ascii"),
            ReplyAttribute("Cisco-AVPair", f"psk={psk}"),
            ReplyAttribute("Aruba-MPSK-Passphrase", psk),
            ReplyAttribute("Mikrotik-Wireless-PSK", psk),
        ]
        if 0 < len(ssid.encode()) <= LONGEST_SSID:
            found.append(ReplyAttribute("Ruckus-Dpsk", f"0x00{pairwise_master_key(psk, ssid).hex()}"))
    return tuple(found)


def pairwise_master_key(passphrase: str, ssid: str) -> bytes:
    """32 octets: what a passphrase means in one network (IEEE 802.11-2020, J.4.1)."""
    return pbkdf2_hmac("sha1", passphrase.encode(), ssid.encode(), PMK_ROUNDS, 32)
