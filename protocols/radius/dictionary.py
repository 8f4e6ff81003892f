"""The standard attributes: number and name as assigned by IANA, data type of RFC 8044. No vendor attributes yet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

USER_NAME = 1
USER_PASSWORD = 2
CHAP_PASSWORD = 3
NAS_IP_ADDRESS = 4
NAS_PORT = 5
SERVICE_TYPE = 6
FRAMED_IP_ADDRESS = 8
FRAMED_MTU = 12
REPLY_MESSAGE = 18
STATE = 24
CLASS = 25
VENDOR_SPECIFIC = 26
CALLED_STATION_ID = 30
CALLING_STATION_ID = 31
NAS_IDENTIFIER = 32
PROXY_STATE = 33
ACCT_STATUS_TYPE = 40
ACCT_DELAY_TIME = 41
ACCT_INPUT_OCTETS = 42
ACCT_OUTPUT_OCTETS = 43
ACCT_SESSION_ID = 44
ACCT_SESSION_TIME = 46
ACCT_TERMINATE_CAUSE = 49
ACCT_INPUT_GIGAWORDS = 52
ACCT_OUTPUT_GIGAWORDS = 53
TUNNEL_CLIENT_ENDPOINT = 66
TUNNEL_SERVER_ENDPOINT = 67
ACCT_TUNNEL_CONNECTION = 68
ACCT_TUNNEL_PACKETS_LOST = 86
EVENT_TIMESTAMP = 55
CHAP_CHALLENGE = 60
ARAP_PASSWORD = 70
PROMPT = 76
EAP_MESSAGE = 79
MESSAGE_AUTHENTICATOR = 80
NAS_PORT_ID = 87
CHARGEABLE_USER_IDENTITY = 89
NAS_IPV6_ADDRESS = 95
ERROR_CAUSE = 101
FRAMED_IPV6_ADDRESS = 168


class DataType(StrEnum):
    """RFC 8044 section 3."""

    INTEGER = "integer"
    ENUM = "enum"
    TIME = "time"
    TEXT = "text"
    STRING = "string"
    CONCAT = "concat"
    IFID = "ifid"
    IPV4ADDR = "ipv4addr"
    IPV6ADDR = "ipv6addr"
    IPV6PREFIX = "ipv6prefix"
    IPV4PREFIX = "ipv4prefix"
    INTEGER64 = "integer64"
    TLV = "tlv"
    VSA = "vsa"
    EXTENDED = "extended"
    LONG_EXTENDED = "long-extended"
    # Of dictionaries only:
    BYTE = "byte"
    SHORT = "short"
    SIGNED = "signed"
    ETHER = "ether"
    COMBO_IP = "combo-ip"
    UNWRITABLE = "unwritable"


@dataclass(frozen=True, slots=True)
class Attribute:
    number: int
    name: str
    type: DataType


T = DataType

ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute(1, "User-Name", T.TEXT),
    Attribute(2, "User-Password", T.STRING),
    Attribute(3, "CHAP-Password", T.STRING),
    Attribute(4, "NAS-IP-Address", T.IPV4ADDR),
    Attribute(5, "NAS-Port", T.INTEGER),
    Attribute(6, "Service-Type", T.ENUM),
    Attribute(7, "Framed-Protocol", T.ENUM),
    Attribute(8, "Framed-IP-Address", T.IPV4ADDR),
    Attribute(9, "Framed-IP-Netmask", T.IPV4ADDR),
    Attribute(10, "Framed-Routing", T.ENUM),
    Attribute(11, "Filter-Id", T.TEXT),
    Attribute(12, "Framed-MTU", T.INTEGER),
    Attribute(13, "Framed-Compression", T.ENUM),
    Attribute(14, "Login-IP-Host", T.IPV4ADDR),
    Attribute(15, "Login-Service", T.ENUM),
    Attribute(16, "Login-TCP-Port", T.ENUM),
    Attribute(18, "Reply-Message", T.TEXT),
    Attribute(19, "Callback-Number", T.TEXT),
    Attribute(20, "Callback-Id", T.TEXT),
    Attribute(22, "Framed-Route", T.TEXT),
    Attribute(23, "Framed-IPX-Network", T.IPV4ADDR),
    Attribute(24, "State", T.STRING),
    Attribute(25, "Class", T.STRING),
    Attribute(26, "Vendor-Specific", T.VSA),
    Attribute(27, "Session-Timeout", T.INTEGER),
    Attribute(28, "Idle-Timeout", T.INTEGER),
    Attribute(29, "Termination-Action", T.ENUM),
    Attribute(30, "Called-Station-Id", T.TEXT),
    Attribute(31, "Calling-Station-Id", T.TEXT),
    Attribute(32, "NAS-Identifier", T.TEXT),
    Attribute(33, "Proxy-State", T.STRING),
    Attribute(34, "Login-LAT-Service", T.TEXT),
    Attribute(35, "Login-LAT-Node", T.TEXT),
    Attribute(36, "Login-LAT-Group", T.STRING),
    Attribute(37, "Framed-AppleTalk-Link", T.INTEGER),
    Attribute(38, "Framed-AppleTalk-Network", T.INTEGER),
    Attribute(39, "Framed-AppleTalk-Zone", T.TEXT),
    Attribute(40, "Acct-Status-Type", T.ENUM),
    Attribute(41, "Acct-Delay-Time", T.INTEGER),
    Attribute(42, "Acct-Input-Octets", T.INTEGER),
    Attribute(43, "Acct-Output-Octets", T.INTEGER),
    Attribute(44, "Acct-Session-Id", T.TEXT),
    Attribute(45, "Acct-Authentic", T.ENUM),
    Attribute(46, "Acct-Session-Time", T.INTEGER),
    Attribute(47, "Acct-Input-Packets", T.INTEGER),
    Attribute(48, "Acct-Output-Packets", T.INTEGER),
    Attribute(49, "Acct-Terminate-Cause", T.ENUM),
    Attribute(50, "Acct-Multi-Session-Id", T.TEXT),
    Attribute(51, "Acct-Link-Count", T.INTEGER),
    Attribute(52, "Acct-Input-Gigawords", T.INTEGER),
    Attribute(53, "Acct-Output-Gigawords", T.INTEGER),
    Attribute(55, "Event-Timestamp", T.TIME),
    Attribute(56, "Egress-VLANID", T.INTEGER),
    Attribute(57, "Ingress-Filters", T.ENUM),
    Attribute(58, "Egress-VLAN-Name", T.TEXT),
    Attribute(59, "User-Priority-Table", T.STRING),
    Attribute(60, "CHAP-Challenge", T.STRING),
    Attribute(61, "NAS-Port-Type", T.ENUM),
    Attribute(62, "Port-Limit", T.INTEGER),
    Attribute(63, "Login-LAT-Port", T.TEXT),
    Attribute(64, "Tunnel-Type", T.ENUM),
    Attribute(65, "Tunnel-Medium-Type", T.ENUM),
    Attribute(66, "Tunnel-Client-Endpoint", T.TEXT),
    Attribute(67, "Tunnel-Server-Endpoint", T.TEXT),
    Attribute(68, "Acct-Tunnel-Connection", T.TEXT),
    Attribute(69, "Tunnel-Password", T.STRING),
    Attribute(70, "ARAP-Password", T.STRING),
    Attribute(71, "ARAP-Features", T.STRING),
    Attribute(72, "ARAP-Zone-Access", T.ENUM),
    Attribute(73, "ARAP-Security", T.INTEGER),
    Attribute(74, "ARAP-Security-Data", T.TEXT),
    Attribute(75, "Password-Retry", T.INTEGER),
    Attribute(76, "Prompt", T.ENUM),
    Attribute(77, "Connect-Info", T.TEXT),
    Attribute(78, "Configuration-Token", T.TEXT),
    Attribute(79, "EAP-Message", T.CONCAT),
    Attribute(80, "Message-Authenticator", T.STRING),
    Attribute(81, "Tunnel-Private-Group-ID", T.TEXT),
    Attribute(82, "Tunnel-Assignment-ID", T.TEXT),
    Attribute(83, "Tunnel-Preference", T.INTEGER),
    Attribute(84, "ARAP-Challenge-Response", T.STRING),
    Attribute(85, "Acct-Interim-Interval", T.INTEGER),
    Attribute(86, "Acct-Tunnel-Packets-Lost", T.INTEGER),
    Attribute(87, "NAS-Port-Id", T.TEXT),
    Attribute(88, "Framed-Pool", T.TEXT),
    Attribute(89, "Chargeable-User-Identity", T.STRING),
    Attribute(90, "Tunnel-Client-Auth-ID", T.TEXT),
    Attribute(91, "Tunnel-Server-Auth-ID", T.TEXT),
    Attribute(92, "NAS-Filter-Rule", T.TEXT),
    Attribute(94, "Originating-Line-Info", T.STRING),
    Attribute(95, "NAS-IPv6-Address", T.IPV6ADDR),
    Attribute(96, "Framed-Interface-Id", T.IFID),
    Attribute(97, "Framed-IPv6-Prefix", T.IPV6PREFIX),
    Attribute(98, "Login-IPv6-Host", T.IPV6ADDR),
    Attribute(99, "Framed-IPv6-Route", T.TEXT),
    Attribute(100, "Framed-IPv6-Pool", T.TEXT),
    Attribute(101, "Error-Cause", T.ENUM),
    Attribute(102, "EAP-Key-Name", T.STRING),
    Attribute(103, "Digest-Response", T.TEXT),
    Attribute(104, "Digest-Realm", T.TEXT),
    Attribute(105, "Digest-Nonce", T.TEXT),
    Attribute(106, "Digest-Response-Auth", T.TEXT),
    Attribute(107, "Digest-Nextnonce", T.TEXT),
    Attribute(108, "Digest-Method", T.TEXT),
    Attribute(109, "Digest-URI", T.TEXT),
    Attribute(110, "Digest-Qop", T.TEXT),
    Attribute(111, "Digest-Algorithm", T.TEXT),
    Attribute(112, "Digest-Entity-Body-Hash", T.TEXT),
    Attribute(113, "Digest-CNonce", T.TEXT),
    Attribute(114, "Digest-Nonce-Count", T.TEXT),
    Attribute(115, "Digest-Username", T.TEXT),
    Attribute(116, "Digest-Opaque", T.TEXT),
    Attribute(117, "Digest-Auth-Param", T.TEXT),
    Attribute(118, "Digest-AKA-Auts", T.TEXT),
    Attribute(119, "Digest-Domain", T.TEXT),
    Attribute(120, "Digest-Stale", T.TEXT),
    Attribute(121, "Digest-HA1", T.TEXT),
    Attribute(122, "SIP-AOR", T.TEXT),
    Attribute(123, "Delegated-IPv6-Prefix", T.IPV6PREFIX),
    Attribute(124, "MIP6-Feature-Vector", T.INTEGER64),
    Attribute(125, "MIP6-Home-Link-Prefix", T.STRING),
    Attribute(126, "Operator-Name", T.TEXT),
    Attribute(127, "Location-Information", T.STRING),
    Attribute(128, "Location-Data", T.STRING),
    Attribute(129, "Basic-Location-Policy-Rules", T.STRING),
    Attribute(130, "Extended-Location-Policy-Rules", T.TEXT),
    Attribute(131, "Location-Capable", T.ENUM),
    Attribute(132, "Requested-Location-Info", T.ENUM),
    Attribute(133, "Framed-Management", T.ENUM),
    Attribute(134, "Management-Transport-Protection", T.ENUM),
    Attribute(135, "Management-Policy-Id", T.TEXT),
    Attribute(136, "Management-Privilege-Level", T.INTEGER),
    Attribute(137, "PKM-SS-Cert", T.CONCAT),
    Attribute(138, "PKM-CA-Cert", T.CONCAT),
    Attribute(139, "PKM-Config-Settings", T.STRING),
    Attribute(140, "PKM-Cryptosuite-List", T.STRING),
    Attribute(141, "PKM-SAID", T.STRING),
    Attribute(142, "PKM-SA-Descriptor", T.STRING),
    Attribute(143, "PKM-Auth-Key", T.STRING),
    Attribute(144, "DS-Lite-Tunnel-Name", T.TEXT),
    Attribute(145, "Mobile-Node-Identifier", T.STRING),
    Attribute(146, "Service-Selection", T.TEXT),
    Attribute(147, "PMIP6-Home-LMA-IPv6-Address", T.IPV6ADDR),
    Attribute(148, "PMIP6-Visited-LMA-IPv6-Address", T.IPV6ADDR),
    Attribute(149, "PMIP6-Home-LMA-IPv4-Address", T.IPV4ADDR),
    Attribute(150, "PMIP6-Visited-LMA-IPv4-Address", T.IPV4ADDR),
    Attribute(151, "PMIP6-Home-HN-Prefix", T.IPV6PREFIX),
    Attribute(152, "PMIP6-Visited-HN-Prefix", T.IPV6PREFIX),
    Attribute(153, "PMIP6-Home-Interface-ID", T.IFID),
    Attribute(154, "PMIP6-Visited-Interface-ID", T.IFID),
    Attribute(155, "PMIP6-Home-IPv4-HoA", T.IPV4PREFIX),
    Attribute(156, "PMIP6-Visited-IPv4-HoA", T.IPV4PREFIX),
    Attribute(157, "PMIP6-Home-DHCP4-Server-Address", T.IPV4ADDR),
    Attribute(158, "PMIP6-Visited-DHCP4-Server-Address", T.IPV4ADDR),
    Attribute(159, "PMIP6-Home-DHCP6-Server-Address", T.IPV6ADDR),
    Attribute(160, "PMIP6-Visited-DHCP6-Server-Address", T.IPV6ADDR),
    Attribute(161, "PMIP6-Home-IPv4-Gateway", T.IPV4ADDR),
    Attribute(162, "PMIP6-Visited-IPv4-Gateway", T.IPV4ADDR),
    Attribute(163, "EAP-Lower-Layer", T.ENUM),
    Attribute(164, "GSS-Acceptor-Service-Name", T.TEXT),
    Attribute(165, "GSS-Acceptor-Host-Name", T.TEXT),
    Attribute(166, "GSS-Acceptor-Service-Specifics", T.TEXT),
    Attribute(167, "GSS-Acceptor-Realm-Name", T.TEXT),
    Attribute(168, "Framed-IPv6-Address", T.IPV6ADDR),
    Attribute(169, "DNS-Server-IPv6-Address", T.IPV6ADDR),
    Attribute(170, "Route-IPv6-Information", T.IPV6PREFIX),
    Attribute(171, "Delegated-IPv6-Prefix-Pool", T.TEXT),
    Attribute(172, "Stateful-IPv6-Address-Pool", T.TEXT),
    Attribute(173, "IPv6-6rd-Configuration", T.TLV),
    Attribute(174, "Allowed-Called-Station-Id", T.TEXT),
    Attribute(175, "EAP-Peer-Id", T.STRING),
    Attribute(176, "EAP-Server-Id", T.STRING),
    Attribute(177, "Mobility-Domain-Id", T.INTEGER),
    Attribute(178, "Preauth-Timeout", T.INTEGER),
    Attribute(179, "Network-Id-Name", T.STRING),
    Attribute(180, "EAPoL-Announcement", T.CONCAT),
    Attribute(181, "WLAN-HESSID", T.TEXT),
    Attribute(182, "WLAN-Venue-Info", T.INTEGER),
    Attribute(183, "WLAN-Venue-Language", T.STRING),
    Attribute(184, "WLAN-Venue-Name", T.TEXT),
    Attribute(185, "WLAN-Reason-Code", T.INTEGER),
    Attribute(186, "WLAN-Pairwise-Cipher", T.INTEGER),
    Attribute(187, "WLAN-Group-Cipher", T.INTEGER),
    Attribute(188, "WLAN-AKM-Suite", T.INTEGER),
    Attribute(189, "WLAN-Group-Mgmt-Cipher", T.INTEGER),
    Attribute(190, "WLAN-RF-Band", T.INTEGER),
    Attribute(241, "Extended-Attribute-1", T.EXTENDED),
    Attribute(242, "Extended-Attribute-2", T.EXTENDED),
    Attribute(243, "Extended-Attribute-3", T.EXTENDED),
    Attribute(244, "Extended-Attribute-4", T.EXTENDED),
    Attribute(245, "Extended-Attribute-5", T.LONG_EXTENDED),
    Attribute(246, "Extended-Attribute-6", T.LONG_EXTENDED),
)

BY_NUMBER: dict[int, Attribute] = {attribute.number: attribute for attribute in ATTRIBUTES}
BY_NAME: dict[str, Attribute] = {attribute.name: attribute for attribute in ATTRIBUTES}
