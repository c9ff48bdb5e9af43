//! Names of OpenFlow 1.3's numbers and bits (Open Networking Foundation, TS-006).

/// Ports that stand for something.
pub(super) const PORTS: &[(u32, &str)] = &[
    (0xffff_ff00, "MAX"),
    (0xffff_fff8, "IN_PORT"),
    (0xffff_fff9, "TABLE"),
    (0xffff_fffa, "NORMAL"),
    (0xffff_fffb, "FLOOD"),
    (0xffff_fffc, "ALL"),
    (0xffff_fffd, "CONTROLLER"),
    (0xffff_fffe, "LOCAL"),
    (0xffff_ffff, "ANY"),
];

/// Configuration bits of a port.
pub(super) const PORT_CONFIGURATION: &[(u32, &str)] =
    &[(1, "PORT_DOWN"), (4, "NO_RECV"), (0x20, "NO_FWD"), (0x40, "NO_PACKET_IN")];

/// How a port is.
pub(super) const PORT_STATE: &[(u32, &str)] = &[(1, "LINK_DOWN"), (2, "BLOCKED"), (4, "LIVE")];

/// What a port can do.
pub(super) const PORT_FEATURES: &[(u32, &str)] = &[
    (1, "10MB_HD"),
    (2, "10MB_FD"),
    (4, "100MB_HD"),
    (8, "100MB_FD"),
    (0x10, "1GB_HD"),
    (0x20, "1GB_FD"),
    (0x40, "10GB_FD"),
    (0x80, "40GB_FD"),
    (0x100, "100GB_FD"),
    (0x200, "1TB_FD"),
    (0x400, "OTHER"),
    (0x800, "COPPER"),
    (0x1000, "FIBER"),
    (0x2000, "AUTONEG"),
    (0x4000, "PAUSE"),
    (0x8000, "PAUSE_ASYM"),
];

/// What a switch can do.
pub(super) const CAPABILITIES: &[(u32, &str)] = &[
    (1, "FLOW_STATS"),
    (2, "TABLE_STATS"),
    (4, "PORT_STATS"),
    (8, "GROUP_STATS"),
    (0x20, "IP_REASM"),
    (0x40, "QUEUE_STATS"),
    (0x100, "PORT_BLOCKED"),
];

/// What becomes of fragments.
pub(super) const FRAGMENTS: &[(u16, &str)] =
    &[(0, "FRAG_NORMAL"), (1, "FRAG_DROP"), (2, "FRAG_REASM")];

/// Lengths that stand for something.
pub(super) const LENGTHS: &[(u16, &str)] = &[(65509, "MAX"), (65535, "NO_BUFFER")];

/// Tables that stand for something.
pub(super) const TABLES: &[(u8, &str)] = &[(254, "MAX"), (255, "ALL")];

/// What a controller is.
pub(super) const ROLES: &[(u32, &str)] =
    &[(0, "NOCHANGE"), (1, "EQUAL"), (2, "MASTER"), (3, "SLAVE")];

/// Why a packet is sent to the controller.
pub(super) const PACKET_REASONS: &[(u32, &str)] =
    &[(1, "NO_MATCH"), (2, "ACTION"), (4, "INVALID_TTL")];

/// What happened to a port, or to a flow.
pub(super) const CHANGES: &[(u32, &str)] = &[(1, "ADD"), (2, "DELETE"), (4, "MODIFY")];

/// What happened to a port.
pub(super) const REASONS: &[(u8, &str)] = &[(0, "ADD"), (1, "DELETE"), (2, "MODIFY")];

/// Protocol versions, as bits of a hello.
pub(super) const VERSIONS: &[(u32, &str)] =
    &[(1, "1.0"), (2, "1.1"), (4, "1.2"), (8, "1.3"), (0x10, "1.4"), (0x20, "1.5")];

pub(super) const ERRORS: &[(u16, &str)] = &[
    (0, "HELLO_FAILED"),
    (1, "BAD_REQUEST"),
    (2, "BAD_ACTION"),
    (3, "BAD_INSTRUCTION"),
    (4, "BAD_MATCH"),
    (5, "FLOW_MOD_FAILED"),
    (6, "GROUP_MOD_FAILED"),
    (7, "PORT_MOD_FAILED"),
    (8, "TABLE_MOD_FAILED"),
    (9, "QUEUE_OP_FAILED"),
    (10, "SWITCH_CONFIG_FAILED"),
    (11, "ROLE_REQUEST_FAILED"),
    (12, "METER_MOD_FAILED"),
    (13, "TABLE_FEATURES_FAILED"),
    (65535, "EXPERIMENTER"),
];

/// Errors of each kind.
pub(super) const CODES: &[(u16, &[(u16, &str)])] = &[
    (0, &[(0, "INCOMPATIBLE"), (1, "EPERM")]),
    (
        1,
        &[
            (0, "BAD_VERSION"),
            (1, "BAD_TYPE"),
            (2, "BAD_MULTIPART"),
            (3, "BAD_EXPERIMENTER"),
            (4, "BAD_EXP_TYPE"),
            (5, "EPERM"),
            (6, "BAD_LEN"),
            (7, "BUFFER_EMPTY"),
            (8, "BUFFER_UNKNOWN"),
            (9, "BAD_TABLE_ID"),
            (10, "IS_SLAVE"),
            (11, "BAD_PORT"),
            (12, "BAD_PACKET"),
            (13, "MULTIPART_BUFFER_OVERFLOW"),
        ],
    ),
    (
        2,
        &[
            (0, "BAD_TYPE"),
            (1, "BAD_LEN"),
            (2, "BAD_EXPERIMENTER"),
            (3, "BAD_EXP_TYPE"),
            (4, "BAD_OUT_PORT"),
            (5, "BAD_ARGUMENT"),
            (6, "EPERM"),
            (7, "TOO_MANY"),
            (8, "BAD_QUEUE"),
            (9, "BAD_OUT_GROUP"),
            (10, "MATCH_INCONSISTENT"),
            (11, "UNSUPPORTED_ORDER"),
            (12, "BAD_TAG"),
            (13, "BAD_SET_TYPE"),
            (14, "BAD_SET_LEN"),
            (15, "BAD_SET_ARGUMENT"),
        ],
    ),
    (
        3,
        &[
            (0, "UNKNOWN_INST"),
            (1, "UNSUP_INST"),
            (2, "BAD_TABLE_ID"),
            (3, "UNSUP_METADATA"),
            (4, "UNSUP_METADATA_MASK"),
            (5, "BAD_EXPERIMENTER"),
            (6, "BAD_EXP_TYPE"),
            (7, "BAD_LEN"),
            (8, "EPERM"),
        ],
    ),
    (
        4,
        &[
            (0, "BAD_TYPE"),
            (1, "BAD_LEN"),
            (2, "BAD_TAG"),
            (3, "BAD_DL_ADDR_MASK"),
            (4, "BAD_NW_ADDR_MASK"),
            (5, "BAD_WILDCARDS"),
            (6, "BAD_FIELD"),
            (7, "BAD_VALUE"),
            (8, "BAD_MASK"),
            (9, "BAD_PREREQ"),
            (10, "DUP_FIELD"),
            (11, "EPERM"),
        ],
    ),
    (
        5,
        &[
            (0, "UNKNOWN"),
            (1, "TABLE_FULL"),
            (2, "BAD_TABLE_ID"),
            (3, "OVERLAP"),
            (4, "EPERM"),
            (5, "BAD_TIMEOUT"),
            (6, "BAD_COMMAND"),
            (7, "BAD_FLAGS"),
        ],
    ),
    (
        6,
        &[
            (0, "GROUP_EXISTS"),
            (1, "INVALID_GROUP"),
            (2, "WEIGHT_UNSUPPORTED"),
            (3, "OUT_OF_GROUPS"),
            (4, "OUT_OF_BUCKETS"),
            (5, "CHAINING_UNSUPPORTED"),
            (6, "WATCH_UNSUPPORTED"),
            (7, "LOOP"),
            (8, "UNKNOWN_GROUP"),
            (9, "CHAINED_GROUP"),
            (10, "BAD_TYPE"),
            (11, "BAD_COMMAND"),
            (12, "BAD_BUCKET"),
            (13, "BAD_MATCH"),
            (14, "EPERM"),
        ],
    ),
    (
        7,
        &[
            (0, "BAD_PORT"),
            (1, "BAD_HW_ADDR"),
            (2, "BAD_CONFIG"),
            (3, "BAD_ADVERTISE"),
            (4, "EPERM"),
        ],
    ),
    (8, &[(0, "BAD_TABLE"), (1, "BAD_CONFIG"), (2, "EPERM")]),
    (9, &[(0, "BAD_PORT"), (1, "BAD_QUEUE"), (2, "EPERM")]),
    (10, &[(0, "BAD_FLAGS"), (1, "BAD_LEN"), (2, "EPERM")]),
    (11, &[(0, "STALE"), (1, "UNSUP"), (2, "BAD_ROLE")]),
    (
        12,
        &[
            (0, "UNKNOWN"),
            (1, "METER_EXISTS"),
            (2, "INVALID_METER"),
            (3, "UNKNOWN_METER"),
            (4, "BAD_COMMAND"),
            (5, "BAD_FLAGS"),
            (6, "BAD_RATE"),
            (7, "BAD_BURST"),
            (8, "BAD_BAND"),
            (9, "BAD_BAND_VALUE"),
            (10, "OUT_OF_METERS"),
            (11, "OUT_OF_BANDS"),
        ],
    ),
    (
        13,
        &[
            (0, "BAD_TABLE"),
            (1, "BAD_METADATA"),
            (2, "BAD_TYPE"),
            (3, "BAD_LEN"),
            (4, "BAD_ARGUMENT"),
            (5, "EPERM"),
        ],
    ),
];
