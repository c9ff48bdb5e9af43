//! Names of what attributes of RADIUS say (IANA, "RADIUS Types", and "SMI Network Management
//! Private Enterprise Codes").
//!
//! Longer than other files: it is one table for each attribute that has names. An empty name
//! stands for a number without a meaning.

/// Of Service-Type.
pub(super) const SERVICES: &[&str] = &[
    "",
    "Login",
    "Framed",
    "Callback Login",
    "Callback Framed",
    "Outbound",
    "Administrative",
    "NAS Prompt",
    "Authenticate Only",
    "Callback NAS Prompt",
    "Call Check",
    "Callback Administrative",
    "Voice",
    "Fax",
    "Modem Relay",
    "IAPP-Register",
    "IAPP-AP-Check",
    "Authorize Only",
    "Framed-Management",
    "Additional-Authorization",
];

/// Of Framed-Protocol.
pub(super) const PROTOCOLS: &[&str] = &[
    "",
    "PPP",
    "SLIP",
    "ARAP",
    "Gandalf proprietary",
    "Xylogics IPX/SLIP",
    "X.75 Synchronous",
    "GPRS PDP Context",
];

/// Of Framed-Routing.
pub(super) const ROUTINGS: &[&str] = &["None", "Send", "Listen", "Send&Listen"];

/// Of Framed-Compression.
pub(super) const COMPRESSIONS: &[&str] = &["None", "VJ TCP/IP", "IPX", "Stac-LZS"];

/// Of Login-Service.
pub(super) const LOGINS: &[&str] = &[
    "Telnet",
    "Rlogin",
    "TCP Clear",
    "PortMaster(proprietary)",
    "LAT",
    "X.25-PAD",
    "X.25-T3POS",
    "Unassigned",
    "TCP Clear Quiet",
];

/// Of Termination-Action.
pub(super) const ACTIONS: &[&str] = &["Default", "RADIUS-Request"];

/// Of Ingress-Filters.
pub(super) const FILTERS: &[&str] = &["", "Enabled", "Disabled"];

/// Of NAS-Port-Type.
pub(super) const PORTS: &[&str] = &[
    "Async",
    "Sync",
    "ISDN Sync",
    "ISDN Async V.120",
    "ISDN Async V.110",
    "Virtual",
    "PIAFS",
    "HDLC Clear Channel",
    "X.25",
    "X.75",
    "G.3 Fax",
    "SDSL",
    "ADSL-CAP",
    "ADSL-DMT",
    "ISDN-DSL",
    "Ethernet",
    "xDSL",
    "Cable",
    "Wireless - Other",
    "Wireless - IEEE 802.11",
    "Token-Ring",
    "FDDI",
    "Wireless - CDMA200",
    "Wireless - UMTS",
    "Wireless - 1X-EV",
    "IAPP",
    "FTTP",
    "Wireless - IEEE 802.16",
    "Wireless - IEEE 802.20",
    "Wireless - IEEE 802.22",
    "PPPoA",
    "PPPoEoA",
    "PPPoEoE",
    "PPPoEoVLAN",
    "PPPoEoQinQ",
    "xPON",
    "Wireless - XGP",
    "WiMAX Pre-Release 8 IWK Function",
    "WIMAX-WIFI-IWK",
    "WIMAX-SFF",
    "WIMAX-HA-LMA",
    "WIMAX-DHCP",
    "WIMAX-LBS",
    "WIMAX-WVS",
];

/// Of Acct-Status-Type.
pub(super) const STATUSES: &[&str] = &[
    "",
    "Start",
    "Stop",
    "Interim-Update",
    "Unassigned",
    "Unassigned",
    "Unassigned",
    "Accounting-On",
    "Accounting-Off",
    "Tunnel-Start",
    "Tunnel-Stop",
    "Tunnel-Reject",
    "Tunnel-Link-Start",
    "Tunnel-Link-Stop",
    "Tunnel-Link-Reject",
    "Failed",
];

/// Of Acct-Authentic.
pub(super) const AUTHENTICATIONS: &[&str] = &["", "RADIUS", "Local", "Remote", "Diameter"];

/// Of Acct-Terminate-Cause.
pub(super) const TERMINATIONS: &[&str] = &[
    "",
    "User Request",
    "Lost Carrier",
    "Lost Service",
    "Idle Timeout",
    "Session Timeout",
    "Admin Reset",
    "Admin Reboot",
    "Port Error",
    "NAS Error",
    "NAS Request",
    "NAS Reboot",
    "Port Unneeded",
    "Port Preempted",
    "Port Suspended",
    "Service Unavailable",
    "Callback",
    "User Error",
    "Host Request",
    "Supplicant Restart",
    "Reauthentication Failure",
    "Port Reinitialized",
    "Port Administratively Disabled",
    "Lost Power",
];

/// Of Tunnel-Type.
pub(super) const TUNNELS: &[&str] = &[
    "",
    "PPTP",
    "L2F",
    "L2TP",
    "ATMP",
    "VTP",
    "AH",
    "IP-IP",
    "MIN-IP-IP",
    "ESP",
    "GRE",
    "DVS",
    "IP-in-IP Tunneling",
    "VLAN",
];

/// Of Tunnel-Medium-Type.
pub(super) const MEDIA: &[&str] = &[
    "",
    "IPv4",
    "IPv6",
    "NSAP",
    "HDLC",
    "BBN 1822",
    "802",
    "E.163",
    "E.164",
    "F.69",
    "X.121",
    "IPX",
    "Appletalk",
    "Decnet IV",
    "Banyan Vines",
    "E.164 with NSAP subaddress",
];

/// Of ARAP-Zone-Access.
pub(super) const ZONES: &[&str] =
    &["", "Only access to dfl zone", "Use zone filter inc.", "Not used", "Use zone filter exc."];

/// Of Prompt.
pub(super) const PROMPTS: &[&str] = &["No Echo", "Echo"];

/// Of vendors.
pub(super) const VENDORS: &[(u32, &str)] = &[
    (0, "IETF (reserved)"),
    (5, "ACC"),
    (9, "Cisco"),
    (11, "Hewlett Packard"),
    (42, "Sun Microsystems"),
    (61, "Merit"),
    (74, "AT&T"),
    (161, "Motorola"),
    (166, "Shiva"),
    (193, "Ericsson AB"),
    (255, "Cisco VPN 5000"),
    (307, "Livingston"),
    (311, "Microsoft"),
    (429, "3Com"),
    (529, "Ascend"),
    (1584, "Bay Networks"),
    (1991, "Foundry"),
    (2180, "Versanet"),
    (2352, "Redback"),
    (2636, "Juniper Networks"),
    (2637, "Aptis"),
    (2937, "Deutsche Telekom AG"),
    (3054, "Ixia Communications"),
    (3076, "Cisco VPN 3000"),
    (3085, "CoSine Communications"),
    (3224, "Netscreen"),
    (3199, "Shasta"),
    (3309, "Nomadix"),
    (3414, "T-Mobile"),
    (3561, "The Broadband Forum"),
    (3902, "ZTE"),
    (4329, "Siemens"),
    (4491, "CableLabs"),
    (4874, "Unisphere Networks"),
    (5263, "Cisco BBSM"),
    (5535, "3rd Generation Partnership Project 2 (3GPP2)"),
    (5806, "SK Telecom"),
    (5925, "ipUnplugged"),
    (5948, "Issanni Communications"),
    (5951, "Netscaler"),
    (6490, "T-Mobile"),
    (6618, "Quintum"),
    (6728, "Interlink"),
    (7951, "CNCTC"),
    (8164, "Starent Networks"),
    (8744, "Colubris"),
    (10_415, "3GPP"),
    (10_529, "Gemtek-Systems"),
    (10_704, "Barracuda Networks"),
    (10_923, "Ericsson AB - Packet Core Networks"),
    (11_665, "dacom"),
    (11_862, "Columbia University"),
    (12_356, "Fortinet"),
    (12_951, "Verizon Wireless"),
    (13_745, "Plixer"),
    (14_122, "Wi-Fi Alliance"),
    (16_787, "T-Systems Nova"),
    (20_942, "China Telecom - Guangzhou Research Institute"),
    (26_866, "Gigamon Systems"),
    (32_622, "CACE Technologies"),
    (35_632, "ntop"),
    (46_098, "Ericsson Canada"),
];

/// Of Error-Cause.
pub(super) const CAUSES: &[(u32, &str)] = &[
    (201, "Residual Session Context Removed"),
    (202, "Invalid EAP Packet (Ignored)"),
    (401, "Unsupported Attribute"),
    (402, "Missing Attribute"),
    (403, "NAS Identification Mismatch"),
    (404, "Invalid Request"),
    (405, "Unsupported Service"),
    (406, "Unsupported Extension"),
    (407, "Invalid Attribute Value"),
    (501, "Administratively Prohibited"),
    (502, "Request Not Routable (Proxy)"),
    (503, "Session Context Not Found"),
    (504, "Session Context Not Removable"),
    (505, "Other Proxy Processing Error"),
    (506, "Resources Unavailable"),
    (507, "Request Initiated"),
    (508, "Multiple Session Selection Unsupported"),
    (509, "Location Info Required"),
];

/// Of the bits of MIP6-Feature-Vector (RFC 5447, RFC 5779), by their places.
pub(super) const FEATURES: &[(u32, &str)] = &[
    (0, "MIP6_INTEGRATED"),
    (1, "LOCAL_HOME_AGENT_ASSIGNMENT"),
    (40, "PMIP6_SUPPORTED"),
    (41, "IP4_HOA_SUPPORTED"),
    (42, "LOCAL_MAG_ROUTING_SUPPORTED"),
    (43, "ASSIGN_LOCAL_IP"),
    (44, "MIP4_SUPPORTED"),
    (45, "OPTIMIZED_IDLE_MODE_MOBILITY"),
    (46, "GTPv2_SUPPORTED"),
    (47, "IP4_TRANSPORT_SUPPORTED"),
    (48, "IP4_HOA_ONLY_SUPPORTED"),
    (49, "INTER_MAG_ROUTING_SUPPORTED"),
];
