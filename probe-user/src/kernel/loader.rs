//! aya's loader, created without reading the types of the whole kernel (BTF).
//!
//! `EbpfLoader::new` of aya 0.14 reads and parses /sys/kernel/btf/vmlinux, 5 MiB, before anybody
//! can tell it that the object relocates nothing against it: three quarters of the memory of a
//! start, and a third of its time. It goes on without where the file does not open, and so it is
//! called on a thread that may open none.

use std::{io, thread};

use aya::EbpfLoader;
use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter, sock_fprog};

/// aya's loader. Where the thread cannot be had as it should be, it has read the types: more
/// memory, and no other difference.
pub(super) fn without_kernel_types() -> EbpfLoader<'static> {
    let make = || {
        // An error leaves the thread with all its rights.
        let _ = open_nothing();
        EbpfLoader::new()
    };
    let mut loader = thread::scope(|scope| {
        let thread = thread::Builder::new().name("loader".into());
        Some(thread.spawn_scoped(scope, make).ok()?.join().expect("aya makes a loader"))
    })
    .unwrap_or_default();
    loader.btf(None);
    loader
}

/// Lets the kernel refuse every open(2) and openat(2) of this thread from here on, and of no
/// other (seccomp(2)).
fn open_nothing() -> io::Result<()> {
    /// Where `struct seccomp_data` has the number of the call.
    const NUMBER: u32 = 0;
    const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | libc::EACCES as u32;
    #[cfg(target_arch = "x86_64")]
    const OPEN: libc::c_long = libc::SYS_open;
    /// Younger architectures have one of the two calls.
    #[cfg(not(target_arch = "x86_64"))]
    const OPEN: libc::c_long = libc::SYS_openat;

    let instruction = |code, k, jt, jf| sock_filter { code: code as u16, jt, jf, k };
    let mut program = [
        instruction(BPF_LD | BPF_W | BPF_ABS, NUMBER, 0, 0),
        instruction(BPF_JMP | BPF_JEQ | BPF_K, libc::SYS_openat as u32, 1, 0),
        instruction(BPF_JMP | BPF_JEQ | BPF_K, OPEN as u32, 0, 1),
        instruction(BPF_RET | BPF_K, REFUSE, 0, 0),
        instruction(BPF_RET | BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let filter = sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // What the kernel asks of a thread without CAP_SYS_ADMIN. It goes with the thread.
    nix::sys::prctl::set_no_new_privs()?;
    // nix has no call for seccomp(2).
    // SAFETY: the filter and its instructions outlive the call, which copies them.
    let result =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::ErrorKind, thread};

    use super::{open_nothing, without_kernel_types};

    #[test]
    fn only_the_thread_that_asked_for_it_opens_nothing() {
        let inside = thread::spawn(|| open_nothing().map(|()| File::open("/proc/self/stat")));
        let refused = inside.join().unwrap().expect("seccomp is there").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
        File::open("/proc/self/stat").expect("this thread opens files");
    }

    #[test]
    fn the_loader_leaves_its_caller_as_it_was() {
        drop(without_kernel_types());
        File::open("/proc/self/stat").expect("this thread opens files");
    }
}
