//! Network namespaces, links and traffic for probe's demonstration, tests and
//! benchmarks. Knows nothing of probe itself: whatever watches the link is just a
//! [`Running`] process in a [`Namespace`].
//!
//! | file | what it gives |
//! | --- | --- |
//! | `namespace` | anonymous network namespaces: commands, sockets and files in them |
//! | `link` | veth pairs, addresses, neighbours, offloads, counters |
//! | `pair` | the usual rig: a client and a server on a silent wire |
//! | `process` | child processes that end with us, with time limits |
//! | `frames` | frames built byte by byte, checksums right |
//! | `samples` | a capture of many kinds of frames, whole, damaged and cut |
//! | `capture_files` | files of pcap and pcapng made from a seed, and what is in them |
//! | `random` | random numbers that are the same every time, and random damage |
//! | `sender` | sends given frames in order and says exactly how many went |
//! | `sources` | streams of sources at which schemes to count by source fail |
//! | `trafgen` | netsniff-ng's generator, for floods |
//! | `far` | a host whose packets take their time |
//! | `tun` | a device without a link layer, whose wire is the test |
//! | `conversation` | two hosts that talk, frame by frame, at given times |
//! | `http` | nginx and curl: real requests over real connections |
//! | `scenario` | client, router and server: what can become of an attempt, with its truth |
//! | `requirements` | what a test needs, and what happens where it is missing |
//!
//! Nothing is left behind, whatever ends the process: namespaces have no name, so
//! they, their links and their private `/dev/shm` die with the last descriptor and the
//! last child; children are killed by the kernel when their parent dies.

mod capture_files;
mod conversation;
mod far;
mod frames;
pub mod grammar;
mod http;
mod link;
mod namespace;
mod pair;
mod process;
mod random;
pub mod requirements;
pub mod samples;
pub mod scenario;
mod sender;
mod sources;
mod trafgen;
mod tun;

pub use capture_files::{CaptureFile, FileFrame, Record};
pub use conversation::{Conversation, Speaker};
pub use far::{FAR_V4, FAR_V6, Far};
pub use frames::{Extension, Frame, Icmp, Ipv4, Ipv6, Network, Tcp, Transport, Udp, tcp_flags};
pub use http::{HttpServer, LARGE_PAGE, http_get, http_get_large};
pub use link::LinkCounters;
pub use namespace::{Namespace, SCRATCH_DIR};
pub use pair::{
    CLIENT_LINK, CLIENT_MAC, CLIENT_V4, CLIENT_V6, Pair, SERVER_LINK, SERVER_MAC, SERVER_V4,
    SERVER_V6,
};
pub use process::{Finished, Running, run};
pub use random::{Random, changed};
pub use sender::{FrameSender, Pace, Sent, pin_to_cpu, raise_priority};
pub use sources::{LATE, POPULATION, Stream, stranger};
pub use trafgen::trafgen;
pub use tun::Tun;
