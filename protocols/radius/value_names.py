"""Names of the values that enumerated attributes have (IANA, RADIUS Types)."""

from __future__ import annotations

from functools import cache

NAMES: dict[str, str] = {
    "Service-Type": """
        1:Login-User 2:Framed-User 3:Callback-Login-User 4:Callback-Framed-User 5:Outbound-User
        6:Administrative-User 7:NAS-Prompt-User 8:Authenticate-Only 9:Callback-NAS-Prompt 10:Call-Check
        11:Callback-Administrative 17:Authorize-Only 18:Framed-Management
    """,
    "Framed-Protocol": """
        1:PPP 2:SLIP 3:ARAP 4:Gandalf-SLML 5:Xylogics-IPX-SLIP 6:X.75-Synchronous
    """,
    "Framed-Routing": """
        0:None 1:Broadcast 2:Listen 3:Broadcast-Listen
    """,
    "Framed-Compression": """
        0:None 1:Van-Jacobson-TCP-IP 2:IPX-Header-Compression 3:Stac-LZS
    """,
    "Login-Service": """
        0:Telnet 1:Rlogin 2:TCP-Clear 3:PortMaster 4:LAT 5:X25-PAD 6:X25-T3POS 8:TCP-Clear-Quiet
    """,
    "Termination-Action": """
        0:Default 1:RADIUS-Request
    """,
    "NAS-Port-Type": """
        0:Async 1:Sync 2:ISDN 3:ISDN-V120 4:ISDN-V110 5:Virtual 6:PIAFS 7:HDLC-Clear-Channel 8:X.25 9:X.75
        10:G.3-Fax 11:SDSL 12:ADSL-CAP 13:ADSL-DMT 14:IDSL 15:Ethernet 16:xDSL 17:Cable 18:Wireless-Other
        19:Wireless-802.11 20:Token-Ring 21:FDDI 30:PPPoA 31:PPPoEoA 32:PPPoEoE 33:PPPoEoVLAN 34:PPPoEoQinQ
    """,
    "Tunnel-Type": """
        1:PPTP 2:L2F 3:L2TP 4:ATMP 5:VTP 6:AH 7:IP 8:MIN-IP 9:ESP 10:GRE 11:DVS 12:IP-in-IP 13:VLAN
    """,
    "Tunnel-Medium-Type": """
        1:IP 2:IPv6 3:NSAP 4:HDLC 5:BBN-1822 6:IEEE-802 7:E.163 8:E.164 9:F.69 10:X.121 11:IPX 12:Appletalk
        13:DecNet-IV 14:Banyan-Vines 15:E.164-NSAP
    """,
    "Acct-Status-Type": """
        1:Start 2:Stop 3:Alive 7:Accounting-On 8:Accounting-Off 9:Tunnel-Start 10:Tunnel-Stop 11:Tunnel-Reject
        12:Tunnel-Link-Start 13:Tunnel-Link-Stop 14:Tunnel-Link-Reject 15:Failed
    """,
    "Acct-Authentic": """
        1:RADIUS 2:Local 3:Remote 4:Diameter
    """,
    "Acct-Terminate-Cause": """
        1:User-Request 2:Lost-Carrier 3:Lost-Service 4:Idle-Timeout 5:Session-Timeout 6:Admin-Reset
        7:Admin-Reboot 8:Port-Error 9:NAS-Error 10:NAS-Request 11:NAS-Reboot 12:Port-Unneeded 13:Port-Preempted
        14:Port-Suspended 15:Service-Unavailable 16:Callback 17:User-Error 18:Host-Request 19:Supplicant-Restart
        20:Reauthentication-Failure 21:Port-Reinit 22:Port-Disabled
    """,
    "Prompt": """
        0:No-Echo 1:Echo
    """,
    "Ingress-Filters": """
        1:Enabled 2:Disabled
    """,
    "Error-Cause": """
        201:Residual-Context-Removed 202:Invalid-EAP-Packet 401:Unsupported-Attribute 402:Missing-Attribute
        403:NAS-Identification-Mismatch 404:Invalid-Request 405:Unsupported-Service 406:Unsupported-Extension
        407:Invalid-Attribute-Value 501:Administratively-Prohibited 502:Proxy-Request-Not-Routable
        503:Session-Context-Not-Found 504:Session-Context-Not-Removable 505:Proxy-Processing-Error
        506:Resources-Unavailable 507:Request-Initiated 508:Multiple-Session-Selection-Unsupported
    """,
}

VALUES: dict[str, dict[str, int]] = {
    attribute: {name.lower(): int(number) for number, _, name in (pair.partition(":") for pair in text.split())}
    for attribute, text in NAMES.items()
}
"""Attribute to value by name, in lower case."""


@cache
def names_of(attribute: str) -> dict[int, str]:
    """Value to name."""
    return {int(number): name for number, _, name in (pair.partition(":") for pair in NAMES[attribute].split())}
