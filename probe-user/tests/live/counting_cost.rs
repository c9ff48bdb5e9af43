//! What user space costs while the kernel counts a flood: next to nothing, whatever the
//! rate.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Running, SERVER_LINK, SERVER_V4, Tcp,
    requirements::met, tcp_flags,
};

use crate::rig::{LIMIT, NEEDS, alone, attached, quiet_pair};

/// How long it is watched.
const FLOOD: Duration = Duration::from_secs(6);
/// How often its threads may wake up in that time: a report a second, its timers and the
/// watch over the links make about two dozen (proc(5), `voluntary_ctxt_switches`). One
/// wake-up a thousand frames would already be hundreds. The CPU time itself depends on the
/// machine's other work: `cargo xtask bench` measures it.
const WAKE_UPS: u64 = 60;
/// What it may have in memory at any time, its start included, in KiB. Most of it is code, of which a build
/// for tests has more than a release.
const RESIDENT: u64 = 32 * 1024;
/// What of that it may have asked for itself, in KiB: code is not in it.
const ANONYMOUS: u64 = 3 * 1024;

/// Time on a CPU so far, of all its threads (proc(5), schedstat: nanoseconds first).
fn on_cpu(running: &Running) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{}/task", running.id())).unwrap();
    let times = tasks.map(|task| {
        let text = fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
        text.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    });
    Duration::from_nanos(times.sum())
}

/// How often its threads have gone to sleep so far, and so have woken up.
fn sleeps(running: &Running) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{}/task", running.id())).unwrap();
    let counts = tasks.map(|task| {
        let text = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let name = "voluntary_ctxt_switches:";
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().parse::<u64>().unwrap()
    });
    counts.sum()
}

#[test]
fn a_flood_costs_user_space_nothing() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let tcp = Tcp { source: 1, destination: 80, flags: tcp_flags::SYN, ..Tcp::default() };
    let frames = vec![Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp).build(); 64];
    for format in ["table", "json"] {
        let pair = quiet_pair();
        let mut arguments = vec!["count", "-i", SERVER_LINK, "--hook", "tcx", "--format", format];
        for rule in ["syn=@syn", "get=@get", "dns=udp port 53", "web=tcp port 80"] {
            arguments.extend(["--rule", rule]);
        }
        let running = attached(&pair.server, &arguments);
        // What it does once, at its start, is over.
        thread::sleep(Duration::from_millis(500));
        let (before, slept, start) = (on_cpu(&running), sleeps(&running), Instant::now());
        let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
        let mut sent = 0;
        while start.elapsed() < FLOOD {
            sent += sender.send(&frames).unwrap().frames;
        }
        let (took, elapsed) = (on_cpu(&running) - before, start.elapsed());
        let wake_ups = sleeps(&running) - slept;
        let share = took.as_secs_f64() / elapsed.as_secs_f64();
        // Now, at most while it compiled and linked, and what of it is of no file.
        let [resident, peak, anonymous] =
            ["VmRSS:", "VmHWM:", "RssAnon:"].map(|line| running.memory(line).unwrap() / 1024);
        let rate = sent as f64 / elapsed.as_secs_f64();
        // The figures, for whoever runs this with --nocapture.
        println!(
            "{format}: {rate:.0} packets/s, {:.4} % of a CPU, {wake_ups} wake-ups, {resident} KiB, at most {peak} KiB",
            share * 100.0
        );
        let finished = running.interrupt(LIMIT).unwrap();
        let total = finished.text();
        let counted = match format {
            "json" => {
                total.contains(&format!("\"name\":\"syn\",\"filter\":\"@syn\",\"packets\":{sent},"))
            }
            _ => total.contains("total after"),
        };
        assert!(counted, "{sent} were sent: {total}");
        assert!(sent > 100_000, "no flood: {sent}");
        assert!(wake_ups < WAKE_UPS, "{wake_ups} wake-ups, {took:?} in {elapsed:?}");
        assert!(peak < RESIDENT, "{peak} KiB");
        assert!(anonymous < ANONYMOUS, "{anonymous} KiB of its own");
    }
}
