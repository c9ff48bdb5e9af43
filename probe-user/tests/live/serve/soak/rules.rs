//! What the service is to do: two sets of rules that share half of them, and parts that change now and then.

use std::path::Path;

use super::super::rule;

/// The server's link, and all that come and are called so.
pub const HEAD: &str = "interfaces = [\"srv0\", \"soak*\"]\nhook = \"tcx\"\ninterval = \"500ms\"\n";

/// Files that a recorder may have, and bytes in each.
pub const MOST_FILES: usize = 3;
pub const MOST_BYTES: u64 = 6_000_000;

/// Series with one of these in them are those of rules and lists that one set has and the other has not.
pub const COME_AND_GO: [&str; 2] = ["{rule=\"own-", "{rule=\"port\",key=\"src\"}"];

/// Rules, with their texts and lists, that both sets have. The last one has a list more in the first set.
const SHARED: [(&str, &str, &str); 4] = [
    ("syn", "@syn and dst port 81", "by = [\"src\", \"vlan\"]\ndistinct = \"src\"\n"),
    ("mix", "dst port 81 or udp dst portrange 1000-1005", "by = \"dport\"\ndistinct = \"src\"\n"),
    ("alarm", "udp dst port 9", ""),
    ("guests", "udp dst port 2000", "by = \"src\"\n"),
];
const PORT: [(&str, &str, &str); 2] = [
    ("port", "udp dst port 1000", "by = [\"dport\", \"src\"]\ntop = 3\n"),
    ("port", "udp dst port 1000", "by = \"dport\"\n"),
];
const FIRST: [(&str, &str, &str); 4] = [
    ("own-1", "udp dst port 1001", "by = \"src\"\ndistinct = \"src\"\n"),
    ("own-2", "udp dst port 1002", ""),
    ("own-3", "", "by = \"proto\"\n"),
    ("own-4", "tcp", "distinct = \"sport\"\n"),
];
/// The name of a rule of the first set with another text is another rule.
const SECOND: [(&str, &str, &str); 4] = [
    ("own-5", "udp dst port 1003", ""),
    ("own-2", "udp dst port 1004", "by = \"dport\"\n"),
    ("own-6", "ip", "by = [\"src\", \"proto\"]\n"),
    ("own-7", "ip6", "distinct = \"src\"\n"),
];

/// One of the two sets of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    First,
    Second,
}

/// What the processes beside the counting one do: others take their places where it changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    pub is_other: bool,
}

/// The rules and parts of a configuration; one that is bad has one mistake.
pub fn text(set: Set, parts: Parts, is_bad: bool, folder: &Path) -> String {
    let (own, port) = match set {
        Set::First => (FIRST, PORT[0]),
        Set::Second => (SECOND, PORT[1]),
    };
    let mut all = [&SHARED[..], &[port], &own].concat();
    if set == Set::Second {
        all.reverse();
    }
    let mut text: String =
        all.iter().map(|(name, filter, lists)| rule(name, filter) + lists).collect();
    if is_bad {
        text += &rule("bad", "udp prot 53");
    }
    let (slow, snaplen) = if parts.is_other { ("1s", 112) } else { ("800ms", 96) };
    text + &format!(
        "[health]\nports = [80, 443]\nslow = \"{slow}\"\nmax_records = 100000\n\
         [[record]]\nrule = \"mix\"\nlast = \"30s\"\nafter = \"500ms\"\n\
         when = \"rate of alarm > 5/s\"\nsnaplen = {snaplen}\nbuffer_size = \"4M\"\n\
         max_files = {MOST_FILES}\nmax_bytes = \"{}M\"\ndirectory = \"{}\"\n",
        MOST_BYTES / 1_000_000,
        folder.display()
    )
}
