//! On an idle link one frame shows at once: with no further traffic, without -l, into a
//! pipe and on a terminal. How long it takes is printed, not asserted: a machine that
//! builds and tests at the same time has pauses of its own.

use std::{
    fs::File,
    io::Read as _,
    os::fd::{FromRawFd as _, OwnedFd},
    process::Stdio,
    ptr,
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Running, SERVER_LINK, SERVER_V4, requirements::met,
};

use crate::rig::{LIMIT, NEEDS, alone, probe, quiet_pair};

/// Lines as they come, each with the moment.
fn lines(mut source: File) -> Receiver<(Instant, String)> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        let (mut bytes, mut text) = ([0; 4096], Vec::new());
        // A terminal without a program at its other end is an error, EIO.
        while let Ok(read @ 1..) = source.read(&mut bytes) {
            let now = Instant::now();
            text.extend_from_slice(&bytes[..read]);
            while let Some(end) = text.iter().position(|&byte| byte == b'\n') {
                let line = text.drain(..=end).collect::<Vec<_>>();
                if sender.send((now, String::from_utf8_lossy(&line).into_owned())).is_err() {
                    return;
                }
            }
        }
    });
    lines
}

/// A terminal: the end of a person, and that of the program.
fn terminal() -> (File, Stdio) {
    let (mut person, mut program) = (-1, -1);
    // SAFETY: two places for descriptors; the other arguments may be null.
    let result = unsafe {
        libc::openpty(&raw mut person, &raw mut program, ptr::null_mut(), ptr::null(), ptr::null())
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the call has opened it, and nobody else owns it.
    let person = unsafe { OwnedFd::from_raw_fd(person) };
    // SAFETY: as above.
    let program = unsafe { OwnedFd::from_raw_fd(program) };
    (person.into(), program.into())
}

fn pipe() -> (File, Stdio) {
    let (reader, writer) = std::io::pipe().unwrap();
    (OwnedFd::from(reader).into(), writer.into())
}

#[test]
fn one_frame_on_an_idle_link_shows_at_once() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    for (name, output) in [("pipe", pipe as fn() -> _), ("terminal", terminal)] {
        for hook in ["xdp", "tcx"] {
            let pair = quiet_pair();
            let arguments = ["capture", "-nn", "-i", SERVER_LINK, "--hook", hook, "-Q", "in"];
            let (person, program) = output();
            let capture = Running::spawn_to(probe(&pair.server, &arguments), program).unwrap();
            capture.wait_for_line("probe: attached to", LIMIT).unwrap();
            let lines = lines(person);
            let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
            let mut waited: Vec<Duration> = (1..=20u16)
                .map(|port| {
                    // Not in step with the program's own waking up.
                    thread::sleep(Duration::from_millis(u64::from(port * 7 % 53)));
                    let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(port, 9).build();
                    let start = Instant::now();
                    sender.send(&[frame]).unwrap();
                    // Nothing else is sent until it shows, and the program goes on.
                    let (shown, line) = lines.recv_timeout(LIMIT).expect("the frame shows");
                    assert!(line.contains(&format!("192.0.2.1.{port} > 192.0.2.2.9")), "{line}");
                    shown - start
                })
                .collect();
            waited.sort();
            let (median, longest) = (waited[waited.len() / 2], waited[waited.len() - 1]);
            println!("{name}, {hook}: shown after {median:.1?} (median), {longest:.1?} (longest)");
            let finished = capture.interrupt(LIMIT).unwrap();
            assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        }
    }
}
