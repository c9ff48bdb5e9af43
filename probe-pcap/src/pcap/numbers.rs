//! The numbers that make a file pcap.

/// Magic number of files with microseconds.
pub(super) const MICRO: u32 = 0xa1b2_c3d4;
/// Magic number of files with nanoseconds.
pub(super) const NANO: u32 = 0xa1b2_3c4d;
/// Magic number of files of Alexey Kuznetsov's libpcap (Linux distributions of about 2000): with
/// microseconds, and more about each frame in front of it.
pub(super) const MODIFIED: u32 = 0xa1b2_cd34;
