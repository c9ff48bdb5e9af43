//! bpf(2), as much of it as the tests need: array maps, programs, test runs. The product has
//! its own (probe-user/src/kernel/bpf.rs), since no crate of the tests is a part of it.

use std::io;
use std::mem::{size_of, size_of_val, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use testbed::requirements::REQUIRED;

const MAP_CREATE: libc::c_long = 0;
const MAP_LOOKUP: libc::c_long = 1;
const MAP_UPDATE: libc::c_long = 2;
const PROG_LOAD: libc::c_long = 5;
const PROG_TEST_RUN: libc::c_long = 10;

const MAP_TYPE_ARRAY: u32 = 2;
const PROG_TYPE_SCHED_CLS: u32 = 3;
const PROG_TYPE_XDP: u32 = 6;
const XDP_HAS_FRAGS: u32 = 1 << 5;

/// The kind of program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// On XDP.
    Xdp,
    /// On tc: `SCHED_CLS`.
    Skb,
}

#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
}

#[repr(C)]
struct MapElement {
    map_fd: u32,
    pad: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
}

#[repr(C)]
struct TestRun {
    prog_fd: u32,
    retval: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    ctx_size_in: u32,
    ctx_size_out: u32,
    ctx_in: u64,
    ctx_out: u64,
    flags: u32,
    cpu: u32,
    batch_size: u32,
    pad: u32,
}

fn bpf<T>(command: libc::c_long, attributes: &mut T) -> io::Result<i64> {
    let size = size_of_val(attributes);
    let attributes: *mut T = attributes;
    // SAFETY: `attributes` points to `size` bytes laid out as this command reads them,
    // and all buffers that they name outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn own(fd: i64) -> OwnedFd {
    // SAFETY: the kernel has just returned this descriptor, and nobody else holds it.
    unsafe { OwnedFd::from_raw_fd(fd as i32) }
}

/// An array map with one value.
pub struct Map {
    /// What programs refer to.
    pub fd: OwnedFd,
    size: usize,
}

impl Map {
    /// A map whose value has so many bytes, all zero.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new(size: usize) -> io::Result<Self> {
        let mut attributes = MapCreate {
            map_type: MAP_TYPE_ARRAY,
            key_size: 4,
            value_size: size as u32,
            max_entries: 1,
            map_flags: 0,
        };
        Ok(Self { fd: own(bpf(MAP_CREATE, &mut attributes)?), size })
    }

    /// The value.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut value = vec![0; self.size];
        self.element(MAP_LOOKUP, value.as_mut_ptr() as u64)?;
        Ok(value)
    }

    /// Replaces the value.
    ///
    /// # Errors
    /// The kernel's.
    ///
    /// # Panics
    /// If the value has another length.
    pub fn write(&self, value: &[u8]) -> io::Result<()> {
        assert_eq!(value.len(), self.size);
        self.element(MAP_UPDATE, value.as_ptr() as u64)
    }

    fn element(&self, command: libc::c_long, value: u64) -> io::Result<()> {
        let key = 0u32;
        let key_address = &raw const key as u64;
        let map_fd = self.fd.as_raw_fd() as u32;
        let mut attributes = MapElement { map_fd, pad: 0, key: key_address, value, flags: 0 };
        bpf(command, &mut attributes).map(drop)
    }
}

/// A loaded program.
pub struct Prog {
    /// Holds the program in the kernel.
    pub fd: OwnedFd,
    kind: Kind,
}

/// What one test run gave.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// What the program returned.
    pub verdict: u32,
    /// What the run took, by the kernel's clock.
    pub duration_ns: u32,
}

impl Prog {
    /// Loads instructions.
    ///
    /// # Errors
    /// The kernel's, with the end of the verifier's log.
    pub fn load(kind: Kind, insns: &[u8]) -> Result<Self, String> {
        Self::load_logged(kind, insns, 0).or_else(|_| Self::load_logged(kind, insns, 1))
    }

    fn load_logged(kind: Kind, insns: &[u8], level: u32) -> Result<Self, String> {
        let mut log = vec![0u8; if level == 0 { 0 } else { 1 << 24 }];
        Self::load_into(kind, insns, level, &mut log)
    }

    fn load_into(kind: Kind, insns: &[u8], level: u32, log: &mut [u8]) -> Result<Self, String> {
        let log_buf = if log.is_empty() { 0 } else { log.as_mut_ptr() as u64 };
        let mut attributes = ProgLoad {
            prog_type: if kind == Kind::Xdp { PROG_TYPE_XDP } else { PROG_TYPE_SCHED_CLS },
            insn_cnt: (insns.len() / 8) as u32,
            insns: insns.as_ptr() as u64,
            license: c"GPL".as_ptr() as u64,
            log_level: level,
            log_size: log.len() as u32,
            log_buf,
            kern_version: 0,
            prog_flags: if kind == Kind::Xdp { XDP_HAS_FRAGS } else { 0 },
            prog_name: *b"probe_test\0\0\0\0\0\0",
            prog_ifindex: 0,
            expected_attach_type: 0,
        };
        match bpf(PROG_LOAD, &mut attributes) {
            Ok(fd) => Ok(Self { fd: own(fd), kind }),
            Err(error) => Err(format!("{error}\n{}", text(log))),
        }
    }

    /// Runs the program over a frame. `linear` bytes of an XDP frame lie in its first
    /// buffer, if given.
    ///
    /// # Errors
    /// The kernel's.
    ///
    /// # Panics
    /// If `linear` is given for an skb.
    pub fn run(&self, frame: &[u8], linear: Option<u32>, repeat: u32) -> io::Result<Run> {
        // struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex
        let mut context = [0u32; 6];
        let mut attributes = TestRun {
            prog_fd: self.fd.as_raw_fd() as u32,
            data_size_in: frame.len() as u32,
            data_in: frame.as_ptr() as u64,
            repeat,
            // SAFETY: all fields are integers, for which zero is a value.
            ..unsafe { zeroed() }
        };
        if let Some(linear) = linear {
            assert_eq!(self.kind, Kind::Xdp, "only XDP runs take the linear part's length");
            context[1] = linear;
            attributes.ctx_in = context.as_ptr() as u64;
            attributes.ctx_size_in = size_of_val(&context) as u32;
        }
        bpf(PROG_TEST_RUN, &mut attributes)?;
        Ok(Run { verdict: attributes.retval, duration_ns: attributes.duration })
    }
}

fn text(log: &[u8]) -> String {
    let end = log.iter().position(|&byte| byte == 0).unwrap_or(log.len());
    let log = String::from_utf8_lossy(&log[..end]).into_owned();
    // The end of a long log says what went wrong.
    let skip = log.len().saturating_sub(6000);
    log.chars().skip(skip).collect()
}

/// Whether this process may load programs. Without that the tests of the kernel say so and
/// pass, unless `PROBE_REQUIRE_KERNEL_TESTS` is set, as it is in CI.
pub fn available() -> bool {
    let allowed = Map::new(8).is_ok();
    if !allowed {
        assert!(may_skip(), "bpf(2) is not permitted");
        eprintln!("SKIPPED: bpf(2) is not permitted here");
    }
    allowed
}

const _: () = assert!(size_of::<TestRun>() == 80);

/// Whether tests that cannot run may pass.
pub fn may_skip() -> bool {
    std::env::var_os(REQUIRED).is_none()
}
