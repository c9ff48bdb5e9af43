//! The operations of the services of AFS: number, name, arguments and results.
//!
//! Arguments and results are words and fields, in order. A field is a letter:
//!
//! | field | what |
//! | --- | --- |
//! | `u` `i` `q` | a number, unsigned, signed, of 64 bits |
//! | `d` | a time |
//! | `s` `v` | a text, behind its length, or of a fixed size with each letter a number |
//! | `F` | a file's identifier |
//! | `A` | what to store of a file's status |
//! | `l` | an access control list |
//! | `t` | a volume's type |
//! | `h` | a destination server |
//! | `g` | a UUID |
//! | `n` | a version of a database |
//!
//! `*` makes it a list behind its length; `@` calls what is not as simple.
//!
//! Longer than other files: it is one table for each of eight services.

pub(super) struct Operation {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) arguments: &'static str,
    pub(super) results: &'static str,
}

const fn op(
    number: u32,
    name: &'static str,
    arguments: &'static str,
    results: &'static str,
) -> Operation {
    Operation { number, name, arguments, results }
}

/// Of the file service.
pub(super) const FILES: &[Operation] = &[
    op(130, "fetch-data", "F offset u length u", ""),
    op(131, "fetch-acl", "F", "l"),
    op(132, "fetch-status", "F", ""),
    op(133, "store-data", "F A offset u length u flen u", ""),
    op(134, "store-acl", "F l", ""),
    op(135, "store-status", "F A", ""),
    op(136, "remove-file", "F s", ""),
    op(137, "create-file", "F s A", "new F"),
    op(138, "rename", "old F s new F s", ""),
    op(139, "symlink", "F s link to s", ""),
    op(140, "link", "F s link to F", ""),
    op(141, "makedir", "F s A", "new F"),
    op(142, "rmdir", "F s", ""),
    op(143, "oldsetlock", "F", ""),
    op(144, "oldextlock", "F", ""),
    op(145, "oldrellock", "F", ""),
    op(146, "get-stats", "", ""),
    op(147, "give-cbs", "", ""),
    op(148, "get-vlinfo", "s", ""),
    op(149, "get-vlstats", "volid u", ""),
    op(150, "set-vlstats", "volid u", ""),
    op(151, "get-rootvl", "", "root volume s"),
    op(152, "check-token", "", ""),
    op(153, "get-time", "", "d"),
    op(154, "nget-vlinfo", "volname s", ""),
    op(155, "bulk-stat", "F*", ""),
    op(156, "setlock", "F", ""),
    op(157, "extlock", "F", ""),
    op(158, "rellock", "F", ""),
    op(159, "xstat-ver", "", ""),
    op(160, "get-xstat", "", ""),
    op(161, "dfs-lookup", "", ""),
    op(162, "dfs-flushcps", "", ""),
    op(163, "dfs-symlink", "", ""),
    op(220, "residency", "", ""),
    op(65536, "inline-bulk-status", "F*", ""),
    op(65537, "fetch-data-64", "F offset q length q", ""),
    op(65538, "store-data-64", "F A offset q length q flen q", ""),
    op(65539, "give-up-all-cbs", "", ""),
    op(65540, "get-caps", "", ""),
    op(65541, "cb-rx-conn-addr", "addr u", ""),
];

/// Of the callback service of a client.
pub(super) const CALLBACKS: &[Operation] = &[
    op(204, "callback", "F* @callbacks", ""),
    op(205, "initcb", "", ""),
    op(206, "probe", "", ""),
    op(207, "getlock", "", ""),
    op(208, "getce", "", ""),
    op(209, "xstatver", "", ""),
    op(210, "getxstat", "", ""),
    op(211, "initcb2", "", ""),
    op(212, "whoareyou", "", ""),
    op(213, "initcb3", "", "g"),
    op(214, "probeuuid", "afsuuid g", ""),
    op(215, "getsrvprefs", "", ""),
    op(216, "getcellservdb", "", ""),
    op(217, "getlocalcell", "", ""),
    op(218, "getcacheconf", "", ""),
    op(65536, "getce64", "", ""),
    op(65537, "getcellbynum", "", ""),
    op(65538, "tellmeaboutyourself", "", ""),
];

/// Of the protection service.
pub(super) const PROTECTION: &[Operation] = &[
    op(500, "new-user", "s id i oldid i", ""),
    op(501, "where-is-it", "id i", ""),
    op(502, "dump-entry", "pos i", ""),
    op(503, "add-to-group", "uid i gid i", ""),
    op(504, "name-to-id", "v*", "ids: i*"),
    op(505, "id-to-name", "ids: i*", "v*"),
    op(506, "delete", "id i", ""),
    op(507, "remove-from-group", "uid i gid i", ""),
    op(508, "get-cps", "id i", "i*"),
    op(509, "new-entry", "s flag i oid i", ""),
    op(510, "list-max", "", "maxuid i maxgid i"),
    op(511, "set-max", "id i gflag i", ""),
    op(512, "list-entry", "id i", ""),
    op(513, "change-entry", "id i s oldid i newid i", ""),
    op(514, "list-elements", "id i", "i*"),
    op(515, "same-mbr-of", "uid i gid i", ""),
    op(516, "set-fld-sentry", "", ""),
    op(517, "list-owned", "id i", "i*"),
    op(518, "get-cps2", "id i", "i*"),
    op(519, "get-host-cps", "id i", "i*"),
    op(520, "update-entry", "id i s", ""),
    op(521, "list-entries", "", ""),
    op(530, "list-super-groups", "id i", ""),
];

/// Of the volume location service.
pub(super) const LOCATIONS: &[Operation] = &[
    op(501, "create-entry", "v", ""),
    op(502, "delete-entry", "volid i t", ""),
    op(503, "get-entry-by-id", "volid i t", "@entry"),
    op(504, "get-entry-by-name", "s", "@entry"),
    op(505, "get-new-volume-id", "bump i", "newvol u"),
    op(506, "replace-entry", "volid i t v", ""),
    op(507, "update-entry", "volid i t", ""),
    op(508, "setlock", "volid i t", ""),
    op(509, "releaselock", "volid i t", ""),
    op(510, "list-entry", "index i", "count i nextindex i @entry"),
    op(511, "list-attrib", "", ""),
    op(512, "linked-list", "", ""),
    op(513, "get-stats", "", ""),
    op(514, "probe", "", ""),
    op(515, "get-addrs", "", ""),
    op(516, "change-addr", "", ""),
    op(517, "create-entry-n", "v", ""),
    op(518, "get-entry-by-id-n", "volid i t", "@entry-n"),
    op(519, "get-entry-by-name-n", "s", "@entry-n"),
    op(520, "replace-entry-n", "volid i t v", ""),
    op(521, "list-entry-n", "index i", "count i nextindex i @entry-n"),
    op(522, "list-attrib-n", "", ""),
    op(523, "linked-list-n", "", ""),
    op(524, "update-entry-by-name", "s", ""),
    op(525, "create-entry-u", "", ""),
    op(526, "get-entry-by-id-u", "", "@entry-u"),
    op(527, "get-entry-by-name-u", "s", "@entry-u"),
    op(528, "replace-entry-u", "", ""),
    op(529, "list-entry-u", "", "count i nextindex i @entry-n"),
    op(530, "list-attrib-u", "", ""),
    op(531, "linked-list-u", "", ""),
    op(532, "regaddr", "", ""),
    op(533, "get-addrs-u", "", ""),
    op(534, "list-attrib-n2", "", ""),
];

/// Of the authentication service.
pub(super) const AUTHENTICATION: &[Operation] = &[
    op(1, "auth-old", "principal s s", ""),
    op(21, "authenticate", "principal s s", ""),
    op(22, "authenticate-v2", "principal s s", ""),
    op(2, "change-pw", "principal s s", ""),
    op(3, "get-ticket-old", "kvno i domain s @skip principal s s", ""),
    op(23, "get-ticket", "kvno i domain s @skip principal s s", ""),
    op(4, "set-pw", "principal s s kvno i", ""),
    op(5, "set-fields", "principal s s", ""),
    op(6, "create-user", "principal s s", ""),
    op(7, "delete-user", "principal s s", ""),
    op(8, "get-entry", "principal s s", ""),
    op(9, "list-entry", "", ""),
    op(10, "get-stats", "", ""),
    op(11, "debug", "", ""),
    op(12, "get-pw", "name s", ""),
    op(13, "get-random-key", "", ""),
    op(14, "unlock", "principal s s", ""),
    op(15, "lock-status", "principal s s", ""),
];

/// Of the volume service.
pub(super) const VOLUMES: &[Operation] = &[
    op(100, "create-volume", "partition u name s type u parent u", "volid u trans u"),
    op(101, "delete-volume", "trans u", ""),
    op(102, "restore", "totrans u flags u", ""),
    op(103, "forward", "fromtrans u fromdate d h desttrans i", ""),
    op(104, "end-trans", "trans u", "u"),
    op(105, "clone", "trans u purgevol u newtype u newname s", "newvol u"),
    op(106, "set-flags", "trans u flags u", ""),
    op(107, "get-flags", "trans u", "u"),
    op(108, "trans-create", "vol u partition u flags u", "trans u"),
    op(109, "dump", "fromtrans u fromdate d", ""),
    op(110, "get-nth-volume", "index u", "volume u partition u"),
    op(111, "set-forwarding", "tid u newsite u", ""),
    op(112, "get-name", "tid", "s"),
    op(
        113,
        "get-status",
        "tid",
        "volid u nextuniq u type u parentid u clone u backup u restore u maxquota u minquota u owner u create d access d update d expire d backup d copy d",
    ),
    op(114, "sig-restore", "name s type u pid u cloneid u", ""),
    op(115, "list-partitions", "", ""),
    op(116, "list-volumes", "partition u flags u", "@volumes"),
    op(117, "set-id-types", "tid u name s type u pid u clone u backup u", ""),
    op(118, "monitor", "", ""),
    op(119, "partition-info", "name s", ""),
    op(120, "reclone", "tid u", ""),
    op(121, "list-one-volume", "partid u volid u", "@volumes"),
    op(122, "nuke", "partid u volid u", ""),
    op(123, "set-date", "tid u date d", ""),
    op(124, "x-list-volumes", "partid u volid u", ""),
    op(125, "x-list-one-volume", "partid u volid u", ""),
    op(126, "set-info", "tid u", ""),
    op(127, "x-list-partitions", "", ""),
    op(128, "forward-multiple", "fromtrans u fromdate d h*", ""),
    op(65536, "convert-ro", "partid u volid u", ""),
    op(65537, "get-size", "", ""),
    op(65538, "dump-v2", "fromtrans u fromdate d flags u", ""),
];

/// Of the basic overseer.
pub(super) const OVERSEER: &[Operation] = &[
    op(80, "create-bnode", "type s instance s", ""),
    op(81, "delete-bnode", "s", ""),
    op(82, "set-status", "s status i", ""),
    op(83, "get-status", "s", ""),
    op(84, "enumerate-instance", "i", ""),
    op(85, "get-instance-info", "s", ""),
    op(86, "get-instance-parm", "s num i", ""),
    op(87, "add-superuser", "s", ""),
    op(88, "delete-superuser", "s", ""),
    op(89, "list-superusers", "i", ""),
    op(90, "list-keys", "i", ""),
    op(91, "add-key", "i", ""),
    op(92, "delete-key", "i", ""),
    op(93, "set-cell-name", "s", ""),
    op(94, "get-cell-name", "", ""),
    op(95, "get-cell-host", "i", ""),
    op(96, "add-cell-host", "s", ""),
    op(97, "delete-cell-host", "s", ""),
    op(98, "set-t-status", "s status i", ""),
    op(99, "shutdown-all", "", ""),
    op(100, "restart-all", "", ""),
    op(101, "startup-all", "", ""),
    op(102, "set-noauth-flag", "", ""),
    op(103, "re-bozo", "", ""),
    op(104, "restart", "s", ""),
    op(105, "start-bozo-install", "s size i flags i date i", ""),
    op(106, "uninstall", "s", ""),
    op(107, "get-dates", "", ""),
    op(108, "exec", "s", ""),
    op(109, "prune", "", ""),
    op(110, "set-restart-time", "", ""),
    op(111, "get-restart-time", "", ""),
    op(112, "start-bozo-log", "s", ""),
    op(113, "wait-all", "", ""),
    op(114, "get-instance-strings", "s", ""),
    op(115, "get-restricted", "", ""),
    op(116, "set-restricted", "", ""),
];

/// Of Ubik, by which the copies of a database agree.
pub(super) const UBIK: &[Operation] = &[
    op(10000, "vote-beacon", "@syncsite votestart d dbversion n tid n", "vote no"),
    op(10001, "vote-debug-old", "", ""),
    op(10002, "vote-sdebug-old", "", ""),
    op(10003, "vote-getsyncsite", "site u", ""),
    op(10004, "vote-debug", "", ""),
    op(10005, "vote-sdebug", "", ""),
    op(10006, "vote-xdebug", "", ""),
    op(10007, "vote-xsdebug", "", ""),
    op(20000, "disk-begin", "tid n", ""),
    op(20001, "disk-commit", "tid n", ""),
    op(20002, "disk-lock", "tid n file i pos i length i @lock", ""),
    op(20003, "disk-write", "tid n file i pos i", ""),
    op(20004, "disk-getversion", "", "dbversion n"),
    op(20005, "disk-getfile", "file i", ""),
    op(20006, "disk-sendfile", "file i length i dbversion n", ""),
    op(20007, "disk-abort", "tid n", ""),
    op(20008, "disk-releaselocks", "tid n", ""),
    op(20009, "disk-truncate", "tid n file i length i", ""),
    op(20010, "disk-probe", "tid n", ""),
    op(20011, "disk-writev", "", ""),
    op(20012, "disk-interfaceaddr", "tid n oldversion n newversion n", ""),
    op(20013, "disk-setversion", "", ""),
];
