//! Sends given frames in order through a packet socket (packet(7)) and says exactly
//! how many went.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::socket::sockopt::SetBool;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socket};
use nix::unistd::Pid;

use crate::Namespace;

/// Frames handed to the kernel in one system call.
const BATCH: usize = 64;
/// How long the kernel may refuse frames for want of buffers.
const PATIENCE: Duration = Duration::from_secs(10);
/// Gaps shorter than this are waited out awake: sleeping takes longer than asked.
const SPIN: Duration = Duration::from_micros(200);

/// What a sender did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Frames that the kernel took.
    pub frames: u64,
    /// From the first to the last.
    pub elapsed: Duration,
}

/// What another thread sees of a running sender, and may ask of it.
#[derive(Debug, Default)]
pub struct Pace {
    stop: AtomicBool,
    behind: AtomicU64,
}

impl Pace {
    /// Ends the sending.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether the sending is to end.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The most frames that were due at one time since this was last asked: 1 or 2 where
    /// the pace was kept, many where the sender did not get the CPU.
    pub fn behind(&self) -> u64 {
        self.behind.swap(0, Ordering::Relaxed)
    }
}

/// A packet socket bound to one link.
///
/// The kernel puts only the link-layer header of such a frame into the linear part of
/// its buffer, the rest into a page fragment (packet_snd in net/packet/af_packet.c): a
/// good test of code that must not rely on the linear part, but not what a network card
/// or a local TCP sends. For that, see [`linear`](Self::linear).
#[derive(Debug)]
pub struct FrameSender {
    socket: OwnedFd,
    link: String,
    linear: bool,
}

/// The header that goes before each frame on a socket with PACKET_VNET_HDR
/// (include/uapi/linux/virtio_net.h): no offloads, and `header_length` bytes are linear.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct VirtioHeader {
    flags: u8,
    gso_type: u8,
    header_length: u16,
    gso_size: u16,
    checksum_start: u16,
    checksum_offset: u16,
}

/// PACKET_QDISC_BYPASS (packet(7)).
#[derive(Clone, Copy, Debug)]
struct QdiscBypass;
nix::setsockopt_impl!(QdiscBypass, libc::SOL_PACKET, libc::PACKET_QDISC_BYPASS, bool, SetBool);

/// PACKET_VNET_HDR (include/uapi/linux/if_packet.h).
#[derive(Clone, Copy, Debug)]
struct VirtioHeaders;
nix::setsockopt_impl!(VirtioHeaders, libc::SOL_PACKET, libc::PACKET_VNET_HDR, bool, SetBool);

impl FrameSender {
    /// Opens a socket on a link of a namespace.
    pub fn open(namespace: &Namespace, link: &str) -> Result<Self> {
        let socket = namespace
            .enter(|| bound_socket(link))
            .with_context(|| format!("opening a packet socket on {link}"))?;
        Ok(Self { socket, link: link.to_owned(), linear: false })
    }

    /// Goes past the link's queueing discipline (PACKET_QDISC_BYPASS): faster, but a
    /// driver that is busy then drops frames that count as sent.
    pub fn bypass_qdisc(self) -> Result<Self> {
        setsockopt(&self.socket, QdiscBypass, &true).context("PACKET_QDISC_BYPASS")?;
        Ok(self)
    }

    /// Makes each frame wholly linear in the kernel, as those of most network cards are.
    pub fn linear(mut self) -> Result<Self> {
        setsockopt(&self.socket, VirtioHeaders, &true).context("PACKET_VNET_HDR")?;
        self.linear = true;
        Ok(self)
    }

    /// Sends frames in order, as fast as it goes.
    pub fn send<F: AsRef<[u8]>>(&self, frames: &[F]) -> Result<Sent> {
        self.send_paced(frames, frames.len() as u64, None)
    }

    /// Sends `count` frames, going round the given ones in order; at most `rate` a second.
    pub fn send_paced<F: AsRef<[u8]>>(
        &self,
        frames: &[F],
        count: u64,
        rate: Option<f64>,
    ) -> Result<Sent> {
        self.send_until(frames, count, rate, &Pace::default())
    }

    /// Does the same, watched through `pace`, and ends early where that says so.
    pub fn send_until<F: AsRef<[u8]>>(
        &self,
        frames: &[F],
        count: u64,
        rate: Option<f64>,
        pace: &Pace,
    ) -> Result<Sent> {
        if frames.is_empty() || count == 0 {
            return Ok(Sent { frames: 0, elapsed: Duration::ZERO });
        }
        let mut round = Round::new(frames, self.linear);
        let start = Instant::now();
        let mut sent = 0;
        while sent < count && !pace.stopped() {
            let mut due = count;
            if let Some(rate) = rate {
                due = wait_until_due(start, sent, rate);
                pace.behind.fetch_max(due - sent, Ordering::Relaxed);
                due = due.min(count);
            }
            let batch = (due - sent).min(BATCH as u64) as usize;
            let taken = self.send_batch(round.at(sent, batch))?;
            sent += taken as u64;
        }
        Ok(Sent { frames: sent, elapsed: start.elapsed() })
    }

    /// Hands one batch over and says how many frames of it the kernel took, at least one.
    fn send_batch(&self, messages: &mut [libc::mmsghdr]) -> Result<usize> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (fd, length) = (self.socket.as_raw_fd(), messages.len() as libc::c_uint);
            // nix's sendmmsg makes the headers anew for each call.
            // SAFETY: each message points to its slices and these to header and frame, all of which
            // `Round` holds or borrows; the kernel writes only `msg_len`.
            let sent = unsafe { libc::sendmmsg(fd, messages.as_mut_ptr(), length, 0) };
            if sent > 0 {
                return Ok(sent as usize);
            }
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                // The driver's queue is full and the frame was not sent.
                Some(libc::ENOBUFS | libc::EAGAIN | libc::EINTR) if Instant::now() < deadline => {
                    thread::yield_now();
                }
                _ => bail!("sending on {}: {error}", self.link),
            }
        }
    }
}

/// Waits until at least one more frame is due, and says how many are due by now.
fn wait_until_due(start: Instant, sent: u64, rate: f64) -> u64 {
    let next = start + Duration::from_secs_f64(sent as f64 / rate);
    loop {
        let now = Instant::now();
        if now >= next {
            // At least the one just waited for: rounding may say that it is not due.
            return (((now - start).as_secs_f64() * rate) as u64).max(sent) + 1;
        }
        if next - now > SPIN {
            thread::sleep(next - now - SPIN);
        } else {
            std::hint::spin_loop();
        }
    }
}

/// Message headers for frames in their order, the first [`BATCH`] repeated at the end so
/// that a batch from any place is one piece.
struct Round<'a> {
    messages: Vec<libc::mmsghdr>,
    length: usize,
    /// What the messages point to: two slices each, a header and a frame.
    _slices: Vec<[libc::iovec; 2]>,
    /// What the first slices point to.
    _headers: Vec<VirtioHeader>,
    _frames: std::marker::PhantomData<&'a [u8]>,
}

impl<'a> Round<'a> {
    fn new<F: AsRef<[u8]>>(frames: &'a [F], linear: bool) -> Self {
        let header_of = |frame: &F| VirtioHeader {
            header_length: frame.as_ref().len().try_into().unwrap_or(u16::MAX),
            ..VirtioHeader::default()
        };
        let mut headers: Vec<VirtioHeader> = frames.iter().map(header_of).collect();
        let mut slices: Vec<[libc::iovec; 2]> = (headers.iter_mut().zip(frames))
            .map(|(header, frame)| {
                let header_size = if linear { size_of::<VirtioHeader>() } else { 0 };
                let frame = frame.as_ref();
                [
                    libc::iovec { iov_base: (&raw mut *header).cast(), iov_len: header_size },
                    libc::iovec {
                        iov_base: frame.as_ptr().cast_mut().cast(),
                        iov_len: frame.len(),
                    },
                ]
            })
            .collect();
        let (first, total) = (slices.as_mut_ptr(), frames.len() + BATCH);
        let messages = (0..total)
            .map(|index| {
                // SAFETY: an all-zero mmsghdr is a valid value of this plain C structure.
                let mut message: libc::mmsghdr = unsafe { zeroed() };
                message.msg_hdr.msg_iov = first.wrapping_add(index % frames.len()).cast();
                message.msg_hdr.msg_iovlen = 2;
                message
            })
            .collect();
        Self {
            messages,
            length: frames.len(),
            _slices: slices,
            _headers: headers,
            _frames: std::marker::PhantomData,
        }
    }

    fn at(&mut self, position: u64, count: usize) -> &mut [libc::mmsghdr] {
        let start = (position % self.length as u64) as usize;
        &mut self.messages[start..start + count]
    }
}

fn bound_socket(link: &str) -> Result<OwnedFd> {
    let index = if_nametoindex(link).context("looking up the link")?;
    // Protocol 0: the socket receives nothing.
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None);
    let socket = socket.context("socket")?;
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: 0,
        sll_ifindex: index as libc::c_int,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // nix makes no address of an index.
    // SAFETY: the address is a sockaddr_ll that outlives the call, and its length is given.
    let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    Errno::result(result).context("bind")?;
    Ok(socket)
}

/// Keeps the calling thread, and what it spawns, on one CPU. A veth hands a frame to
/// the receiving side on the CPU of the sender, so this decides where both run.
pub fn pin_to_cpu(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    // 0 is the calling thread.
    set.set(cpu)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &set))
        .with_context(|| format!("pinning to CPU {cpu}"))
}

/// Lets the calling thread go before all others of its CPU, as far as niceness goes: for a
/// generator that has a pace to keep on a machine with other work.
pub fn raise_priority() -> Result<()> {
    // nix has no setpriority(2).
    // SAFETY: the call takes three numbers; 0 is the calling thread.
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) };
    Errno::result(result).map(drop).context("setpriority")
}
