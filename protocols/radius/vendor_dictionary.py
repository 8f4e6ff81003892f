"""Attributes of vendors, as their dictionaries name them: number, type of RFC 8044 and name; one line holds several.

What has a form of its own (lists in lists, two-octet numbers, encryption that is not RFC 2868's) is left out.
"""

from __future__ import annotations

VENDORS: dict[str, int] = {
    "Cisco": 9,
    "Airespace": 14179,
    "Aruba": 14823,
    "Mikrotik": 14988,
    "Fortinet": 12356,
    "Juniper": 2636,
    "Microsoft": 311,
    "WISPr": 14122,
    "Ruckus": 25053,
    "HP": 11,
    "Extreme": 1916,
    "DellEMC": 674,
    "Zyxel": 890,
    "UBNT": 41112,
}

ATTRIBUTES: dict[str, str] = {
    "Cisco": """
        1:text:Cisco-AVPair 2:text:Cisco-NAS-Port 3:text:Cisco-Fax-Account-Id-Origin 4:text:Cisco-Fax-Msg-Id
        5:text:Cisco-Fax-Pages 6:text:Cisco-Fax-Coverpage-Flag 7:text:Cisco-Fax-Modem-Time
        8:text:Cisco-Fax-Connect-Speed 9:text:Cisco-Fax-Recipient-Count 10:text:Cisco-Fax-Process-Abort-Flag
        11:text:Cisco-Fax-Dsn-Address 12:text:Cisco-Fax-Dsn-Flag 13:text:Cisco-Fax-Mdn-Address
        14:text:Cisco-Fax-Mdn-Flag 15:text:Cisco-Fax-Auth-Status 16:text:Cisco-Email-Server-Address
        17:text:Cisco-Email-Server-Ack-Flag 18:text:Cisco-Gateway-Id 19:text:Cisco-Call-Type
        20:text:Cisco-Port-Used 21:text:Cisco-Abort-Cause 23:text:h323-remote-address 24:text:h323-conf-id
        25:text:h323-setup-time 26:text:h323-call-origin 27:text:h323-call-type 28:text:h323-connect-time
        29:text:h323-disconnect-time 30:text:h323-disconnect-cause 31:text:h323-voice-quality 33:text:h323-gw-id
        35:text:h323-incoming-conf-id 37:text:Cisco-Policy-Up 38:text:Cisco-Policy-Down
        46:text:Cisco-Relay-Information-Option 47:text:Cisco-DHCP-User-Class 48:text:Cisco-DHCP-Vendor-Class
        50:text:Cisco-DHCP-Relay-GiAddr 51:text:Cisco-Service-Name 52:text:Cisco-Parent-Session-Id
        55:text:Cisco-Sub-QoS-Pol-In 56:text:Cisco-Sub-QoS-Pol-Out 57:text:Cisco-In-ACL 58:text:Cisco-Out-ACL
        59:text:Cisco-Sub-PBR-Policy-In 60:text:Cisco-Sub-Activate-Service 61:text:Cisco-IPv6-In-ACL
        62:text:Cisco-IPv6-Out-ACL 63:text:Cisco-Sub-Deactivate-Service 65:text:Cisco-DHCP-Subscriber-Id
        66:text:Cisco-DHCPv6-Link-Address 100:text:sip-conf-id 101:text:h323-credit-amount
        102:text:h323-credit-time 103:text:h323-return-code 104:text:h323-prompt-id 105:text:h323-time-and-day
        106:text:h323-redirect-number 107:text:h323-preferred-lang 108:text:h323-redirect-ip-address
        109:text:h323-billing-model 110:text:h323-currency 111:text:subscriber 112:text:gw-rxd-cdn
        113:text:gw-final-xlated-cdn 114:text:remote-media-address 115:text:release-source 116:text:gw-rxd-cgn
        117:text:gw-final-xlated-cgn 141:text:call-id 142:text:session-protocol 143:text:method
        144:text:prev-hop-via 145:text:prev-hop-ip 146:text:incoming-req-uri 147:text:outgoing-req-uri
        148:text:next-hop-ip 149:text:next-hop-dn 150:text:sip-hdr 151:text:dsp-id
        187:integer:Cisco-Multilink-ID 188:integer:Cisco-Num-In-Multilink 190:integer:Cisco-Pre-Input-Octets
        191:integer:Cisco-Pre-Output-Octets 192:integer:Cisco-Pre-Input-Packets
        193:integer:Cisco-Pre-Output-Packets 194:integer:Cisco-Maximum-Time 195:integer:Cisco-Disconnect-Cause
        197:integer:Cisco-Data-Rate 198:integer:Cisco-PreSession-Time 208:integer:Cisco-PW-Lifetime
        209:integer:Cisco-IP-Direct 210:integer:Cisco-PPP-VJ-Slot-Comp 212:integer:Cisco-PPP-Async-Map
        217:text:Cisco-IP-Pool-Definition 218:integer:Cisco-Assign-IP-Pool 228:integer:Cisco-Route-IP
        233:integer:Cisco-Link-Compression 234:integer:Cisco-Target-Util 235:integer:Cisco-Maximum-Channels
        242:integer:Cisco-Data-Filter 243:integer:Cisco-Call-Filter 244:integer:Cisco-Idle-Limit
        249:text:Cisco-Subscriber-Password 250:text:Cisco-Account-Info 251:text:Cisco-Service-Info
        252:text:Cisco-Command-Code 253:text:Cisco-Control-Info 255:integer:Cisco-Xmit-Rate
    """,
    "Airespace": """
        1:integer:Airespace-Wlan-Id 2:integer:Airespace-QOS-Level 3:integer:Airespace-DSCP
        4:integer:Airespace-8021p-Tag 5:text:Airespace-Interface-Name 6:text:Airespace-ACL-Name
        7:integer:Airespace-Data-Bandwidth-Average-Contract
        8:integer:Airespace-Real-Time-Bandwidth-Average-Contract
        9:integer:Airespace-Data-Bandwidth-Burst-Contract
        10:integer:Airespace-Real-Time-Bandwidth-Burst-Contract 11:text:Airespace-Guest-Role-Name
        13:integer:Airespace-Data-Bandwidth-Average-Contract-Upstream
        14:integer:Airespace-Real-Time-Bandwidth-Average-Contract-Upstream
        15:integer:Airespace-Data-Bandwidth-Burst-Contract-Upstream
        16:integer:Airespace-Real-Time-Bandwidth-Burst-Contract-Upstream
    """,
    "Aruba": """
        1:text:Aruba-User-Role 2:integer:Aruba-User-Vlan 3:integer:Aruba-Priv-Admin-User 4:text:Aruba-Admin-Role
        5:text:Aruba-Essid-Name 6:text:Aruba-Location-Id 7:text:Aruba-Port-Identifier
        8:text:Aruba-MMS-User-Template 9:text:Aruba-Named-User-Vlan 10:text:Aruba-AP-Group
        11:text:Aruba-Framed-IPv6-Address 12:text:Aruba-Device-Type 14:integer:Aruba-No-DHCP-Fingerprint
        15:text:Aruba-Mdps-Device-Udid 16:text:Aruba-Mdps-Device-Imei 17:text:Aruba-Mdps-Device-Iccid
        18:integer:Aruba-Mdps-Max-Devices 19:text:Aruba-Mdps-Device-Name 20:text:Aruba-Mdps-Device-Product
        21:text:Aruba-Mdps-Device-Version 22:text:Aruba-Mdps-Device-Serial 23:text:Aruba-CPPM-Role
        24:text:Aruba-AirGroup-User-Name 25:text:Aruba-AirGroup-Shared-User 26:text:Aruba-AirGroup-Shared-Role
        27:integer:Aruba-AirGroup-Device-Type 28:text:Aruba-Auth-Survivability 29:text:Aruba-AS-User-Name
        30:text:Aruba-AS-Credential-Hash 31:text:Aruba-WorkSpace-App-Name
        32:text:Aruba-Mdps-Provisioning-Settings 33:text:Aruba-Mdps-Device-Profile
        34:ipv4addr:Aruba-AP-IP-Address 35:text:Aruba-AirGroup-Shared-Group 36:text:Aruba-User-Group
        37:text:Aruba-Network-SSO-Token 38:integer:Aruba-AirGroup-Version 39:integer:Aruba-Auth-SurvMethod
        40:integer:Aruba-Port-Bounce-Host 41:ipv4addr:Aruba-Calea-Server-Ip 42:text:Aruba-Admin-Path
        43:text:Aruba-Captive-Portal-URL 44:string*:Aruba-MPSK-Passphrase 45:text:Aruba-ACL-Server-Query-Info
        46:text:Aruba-Command-String 47:text:Aruba-Network-Profile 48:text:Aruba-Admin-Device-Group
        49:integer:Aruba-PoE-Priority 50:integer:Aruba-Port-Auth-Mode 51:text:Aruba-NAS-Filter-Rule
        52:integer:Aruba-QoS-Trust-Mode 53:text:Aruba-UBT-Gateway-Role 54:text:Aruba-Gateway-Zone
        58:integer:Aruba-STP-Admin-Edge-Port 59:text:Aruba-UBT-Gateway-CPPM-Role 60:text:Aruba-AP-MAC-Address
        61:text:Aruba-Device-MAC-Address 63:integer:Aruba-Device-Traffic-Class
    """,
    "Mikrotik": """
        1:integer:Mikrotik-Recv-Limit 2:integer:Mikrotik-Xmit-Limit 3:text:Mikrotik-Group
        4:integer:Mikrotik-Wireless-Forward 5:integer:Mikrotik-Wireless-Skip-Dot1x
        6:integer:Mikrotik-Wireless-Enc-Algo 7:text:Mikrotik-Wireless-Enc-Key 8:text:Mikrotik-Rate-Limit
        9:text:Mikrotik-Realm 10:ipv4addr:Mikrotik-Host-IP 11:text:Mikrotik-Mark-Id
        12:text:Mikrotik-Advertise-URL 13:integer:Mikrotik-Advertise-Interval
        14:integer:Mikrotik-Recv-Limit-Gigawords 15:integer:Mikrotik-Xmit-Limit-Gigawords
        16:text:Mikrotik-Wireless-PSK 17:integer:Mikrotik-Total-Limit 18:integer:Mikrotik-Total-Limit-Gigawords
        19:text:Mikrotik-Address-List 20:text:Mikrotik-Wireless-MPKey 21:text:Mikrotik-Wireless-Comment
        22:text:Mikrotik-Delegated-IPv6-Pool 23:text:Mikrotik-DHCP-Option-Set
        24:text:Mikrotik-DHCP-Option-Param-STR1 25:text:Mikrotik-DHCP-Option-Param-STR2
        26:integer:Mikrotik-Wireless-VLANID 27:integer:Mikrotik-Wireless-VLANIDtype
        28:text:Mikrotik-Wireless-Minsignal 29:text:Mikrotik-Wireless-Maxsignal
        30:text:Mikrotik-Switching-Filter
    """,
    "Fortinet": """
        1:text:Fortinet-Group-Name 2:ipv4addr:Fortinet-Client-IP-Address 3:text:Fortinet-Vdom-Name
        4:string:Fortinet-Client-IPv6-Address 5:text:Fortinet-Interface-Name 6:text:Fortinet-Access-Profile
        7:text:Fortinet-SSID 8:text:Fortinet-AP-Name 11:text:Fortinet-FAC-Auth-Status
        12:text:Fortinet-FAC-Token-ID 15:text:Fortinet-FAC-Challenge-Code
        16:string:Fortinet-Webfilter-Category-Allow 17:string:Fortinet-Webfilter-Category-Block
        18:string:Fortinet-Webfilter-Category-Monitor 19:string:Fortinet-AppCtrl-Category-Allow
        20:string:Fortinet-AppCtrl-Category-Block 21:string:Fortinet-AppCtrl-Risk-Allow
        22:string:Fortinet-AppCtrl-Risk-Block 24:text:Fortinet-WirelessController-WTP-ID
        25:time:Fortinet-WirelessController-Assoc-Time 26:text:Fortinet-FortiWAN-AVPair
        30:text:Fortinet-FDD-Access-Profile 31:text:Fortinet-FDD-Trusted-Hosts 32:text:Fortinet-FDD-SPP-Name
        33:text:Fortinet-FDD-Is-System-Admin 34:text:Fortinet-FDD-Is-SPP-Admin
        35:text:Fortinet-FDD-SPP-Policy-Group 36:text:Fortinet-FDD-Allow-API-Access
        40:text:Fortinet-Fpc-User-Role 41:text:Fortinet-Tenant-Identification 42:text:Fortinet-Host-Port-AVPair
    """,
    "Juniper": """
        1:text:Juniper-Local-User-Name 2:text:Juniper-Allow-Commands 3:text:Juniper-Deny-Commands
        4:text:Juniper-Allow-Configuration 5:text:Juniper-Deny-Configuration 8:text:Juniper-Interactive-Command
        9:text:Juniper-Configuration-Change 10:text:Juniper-User-Permissions 21:integer:Juniper-CTP-Group
        22:integer:Juniper-CTPView-APP-Group 23:integer:Juniper-CTPView-OS-Group 31:ipv4addr:Juniper-Primary-Dns
        32:ipv4addr:Juniper-Primary-Wins 33:ipv4addr:Juniper-Secondary-Dns 34:ipv4addr:Juniper-Secondary-Wins
        35:text:Juniper-Interface-id 36:text:Juniper-Ip-Pool-Name 37:integer:Juniper-Keep-Alive
        38:text:Juniper-CoS-Traffic-Control-Profile 39:text:Juniper-CoS-Parameter
        40:integer:Juniper-encapsulation-overhead 41:integer:Juniper-cell-overhead
        42:integer:Juniper-tx-connect-speed 43:integer:Juniper-rx-connect-speed
        44:text:Juniper-Firewall-filter-name 45:text:Juniper-Policer-Parameter 46:text:Juniper-Local-Group-Name
        47:text:Juniper-Local-Interface 48:text:Juniper-Switching-Filter 49:text:Juniper-VoIP-Vlan
        50:text:Juniper-CWA-Redirect 52:text:Juniper-AV-Pair
    """,
    "Microsoft": """
        9:integer:MS-RAS-Vendor 13:integer:MS-BAP-Usage 14:integer:MS-Link-Utilization-Threshold
        15:integer:MS-Link-Drop-Time-Limit 18:text:MS-RAS-Version 20:string:MS-New-ARAP-Password
        21:integer:MS-ARAP-PW-Change-Reason 22:string:MS-Filter 23:integer:MS-Acct-Auth-Type
        24:integer:MS-Acct-EAP-Type 28:ipv4addr:MS-Primary-DNS-Server 29:ipv4addr:MS-Secondary-DNS-Server
        30:ipv4addr:MS-Primary-NBNS-Server 31:ipv4addr:MS-Secondary-NBNS-Server 34:text:MS-RAS-Client-Name
        35:text:MS-RAS-Client-Version 36:string:MS-Quarantine-IPFilter 37:integer:MS-Quarantine-Session-Timeout
        40:text:MS-User-Security-Identity 41:integer:MS-Identity-Type 42:text:MS-Service-Class
        44:text:MS-Quarantine-User-Class 45:integer:MS-Quarantine-State 46:integer:MS-Quarantine-Grace-Time
        47:integer:MS-Network-Access-Server-Type 48:integer:MS-AFW-Zone 49:integer:MS-AFW-Protection-Level
        50:text:MS-Machine-Name 51:string:MS-IPv6-Filter 52:string:MS-IPv4-Remediation-Servers
        53:string:MS-IPv6-Remediation-Servers 54:integer:MS-RNAP-Not-Quarantine-Capable
        55:string:MS-Quarantine-SOH 56:string:MS-RAS-Correlation 57:integer:MS-Extended-Quarantine-State
        58:text:MS-HCAP-User-Groups 59:text:MS-HCAP-Location-Group-Name 60:text:MS-HCAP-User-Name
    """,
    "WISPr": """
        1:text:WISPr-Location-ID 2:text:WISPr-Location-Name 3:text:WISPr-Logoff-URL 4:text:WISPr-Redirection-URL
        5:integer:WISPr-Bandwidth-Min-Up 6:integer:WISPr-Bandwidth-Min-Down 7:integer:WISPr-Bandwidth-Max-Up
        8:integer:WISPr-Bandwidth-Max-Down 9:text:WISPr-Session-Terminate-Time
        10:text:WISPr-Session-Terminate-End-Of-Day 11:text:WISPr-Billing-Class-Of-Service
    """,
    "Ruckus": """
        1:text:Ruckus-User-Groups 2:integer:Ruckus-Sta-RSSI 3:text:Ruckus-SSID 4:integer:Ruckus-Wlan-Id
        5:text:Ruckus-Location 6:integer:Ruckus-Grace-Period 7:integer:Ruckus-SCG-CBlade-IP
        8:integer:Ruckus-SCG-DBlade-IP 9:integer:Ruckus-VLAN-ID 10:integer:Ruckus-Sta-Expiration
        11:text:Ruckus-Sta-UUID 12:integer:Ruckus-Accept-Enhancement-Reason 13:text:Ruckus-Sta-Inner-Id
        14:string:Ruckus-BSSID 20:text:Ruckus-FlexAuth-AVP 101:string:Ruckus-Triplets 102:string:Ruckus-IMSI
        103:string:Ruckus-MSISDN 104:text:Ruckus-APN-NI 105:string:Ruckus-QoS 106:integer:Ruckus-Selection-Mode
        107:integer:Ruckus-APN-Resolution-Req 108:string:Ruckus-Start-Time 109:integer:Ruckus-NAS-Type
        110:integer:Ruckus-Status 111:text:Ruckus-APN-OI 112:integer:Ruckus-Auth-Type
        113:text:Ruckus-Gn-User-Name 114:text:Ruckus-Brand-Code 115:text:Ruckus-Policy-Name
        116:ipv4addr:Ruckus-Client-Local-IP 117:ipv4addr:Ruckus-SGSN-IP 118:string:Ruckus-Charging-Charac
        119:string:Ruckus-PDP-Type 120:string:Ruckus-Dynamic-Address-Flag 121:string:Ruckus-ChCh-Selection-Mode
        122:ipv4addr:Ruckus-AAA-IP 123:integer:Ruckus-CDR-TYPE 124:string:Ruckus-SGSN-Number
        125:integer:Ruckus-Session-Type 126:integer:Ruckus-Accounting-Status 127:text:Ruckus-Zone-Id
        128:text:Ruckus-Auth-Server-Id 129:text:Ruckus-Utp-Id 130:string:Ruckus-Area-Code
        131:string:Ruckus-Cell-Identifier 132:text:Ruckus-Wispr-Redirect-Policy
        133:integer:Ruckus-Eth-Profile-Id 134:text:Ruckus-Zone-Name 135:text:Ruckus-Wlan-Name
        136:integer:Ruckus-AP-Roamed 137:string:Ruckus-Read-Preference 138:text:Ruckus-Client-Host-Name
        139:text:Ruckus-Client-Os-Type 140:text:Ruckus-Client-Os-Class 141:text:Ruckus-Vlan-Pool
        142:string:Ruckus-Dpsk 143:text:Ruckus-CP-Token 144:integer:Ruckus-Max-DL-UL-Quota
        145:text:Ruckus-Traffic-Class-Attribute-Ids 147:text:Ruckus-Nat-Pool-Name
        148:integer:Ruckus-Sta-SVlan-Id 152:text:Ruckus-AAA-Id 200:text:Ruckus-SCI-Role
        201:text:Ruckus-SCI-Resource-Group
    """,
    "HP": """
        1:integer:HP-Privilege-Level 2:text:HP-Command-String 3:integer:HP-Command-Exception
        10:integer:HP-Port-Client-Limit-Dot1x 11:integer:HP-Port-Client-Limit-MA
        12:integer:HP-Port-Client-Limit-WA 13:integer:HP-Port-Auth-Mode-Dot1x 14:integer:HP-Port-MA-Port-Mode
        23:integer:HP-Port-Bounce-Host 24:text:HP-Captive-Portal-URL 25:text:HP-User-Role
        26:integer:HP-Management-Protocol 27:text:HP-CPPM-Role 28:text:HP-CPPM-Secondary-Role
        40:text:HP-Port-Priority-Regeneration-Table 46:integer:HP-Bandwidth-Max-Ingress
        48:integer:HP-Bandwidth-Max-Egress 61:text:HP-Ip-Filter-Raw 62:text:HP-Access-Profile
        63:integer:HP-Nas-Rules-IPv6 64:integer:HP-Egress-VLANID 65:text:HP-Egress-VLAN-Name
        66:text:HP-Bonjour-Inbound-Profile 67:text:HP-Bonjour-Outbound-Profile 80:text:HP-URI-String
        81:text:HP-URI-Json-String 82:text:HP-URI-Access 83:integer:HP-URI-Exception 192:text:HP-VC-groups
        255:string:HP-Capability-Advert
    """,
    "Extreme": """
        201:integer:Extreme-CLI-Authorization 202:text:Extreme-Shell-Command 203:text:Extreme-Netlogin-Vlan
        204:text:Extreme-Netlogin-Url 205:text:Extreme-Netlogin-Url-Desc 206:integer:Extreme-Netlogin-Only
        208:text:Extreme-User-Location 209:integer:Extreme-Netlogin-Vlan-Tag
        211:text:Extreme-Netlogin-Extended-Vlan 212:text:Extreme-Security-Profile 213:text:Extreme-VM-Name
        214:text:Extreme-VM-VPP-Name 215:ipv4addr:Extreme-VM-IP-Addr 216:integer:Extreme-VM-VLAN-ID
        217:text:Extreme-VM-VR-Name
    """,
    "DellEMC": """
        1:text:DellEMC-AVpair 2:text:DellEMC-Group-Name
    """,
    "UBNT": """
        1:integer64:UBNT-Data-Rate-DL 2:integer64:UBNT-Data-Rate-DL-Burst 3:integer64:UBNT-Data-Rate-UL
        4:integer64:UBNT-Data-Rate-UL-Burst
    """,
    "Zyxel": """
        3:text:Zyxel-Privilege-AVPair 192:integer:Zyxel-Callback-Option 193:integer:Zyxel-Callback-Phone-Source
    """,
}
"""By vendor. A star behind the type: hidden on its way (RFC 2868 section 3.5)."""
