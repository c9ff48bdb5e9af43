//! The rig held against the kernel's counters and against tcpdump.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use testbed::requirements::{Requirement, met};
use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Far, Frame, FrameSender, HttpServer, LinkCounters,
    Namespace, Pair, Running, SCRATCH_DIR, SERVER_LINK, SERVER_V4, SERVER_V6, Tcp, http_get, run,
    tcp_flags, trafgen,
};

const LIMIT: Duration = Duration::from_secs(30);
const RIG: [Requirement; 3] =
    [Requirement::Root, Requirement::Tool("ip"), Requirement::Tool("ethtool")];

/// Frames of the client. Not `inbound`: libpcap checks the first block after setting a
/// filter in user space, where it cannot tell the direction and drops what is in it.
const FROM_CLIENT: &str = "ether src 02:00:00:00:00:01";

#[test]
fn an_idle_wire_is_silent() -> Result<()> {
    if !met(&RIG) {
        return Ok(());
    }
    let pair = Pair::new()?;
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(pair.server.counters(SERVER_LINK)?, LinkCounters::default());
    assert_eq!(pair.client.counters(CLIENT_LINK)?, LinkCounters::default());
    Ok(())
}

#[test]
fn frames_arrive_as_sent_in_order_and_counted() -> Result<()> {
    if !met(&[&RIG[..], &[Requirement::Tool("tcpdump")]].concat()) {
        return Ok(());
    }
    let pair = Pair::new()?;
    let frames: Vec<Vec<u8>> = (0..700).map(assorted).collect();
    let watcher = tcpdump(&pair, &["-w", "/dev/shm/sent.pcap", "-c", "1500", FROM_CLIENT])?;
    let before = pair.server.counters(SERVER_LINK)?;
    let sender = FrameSender::open(&pair.client, CLIENT_LINK)?;
    assert_eq!(sender.send_paced(&frames, 800, None)?.frames, 800);
    // The same bytes, with another layout in the kernel.
    let rest = [&frames[100..], &frames[..100]].concat();
    assert_eq!(sender.linear()?.send_paced(&rest, 700, None)?.frames, 700);
    pair.server.wait_for_received(SERVER_LINK, before, 1500, LIMIT)?;
    let summary = watcher.wait(LIMIT)?.stderr;
    ensure!(summary.contains("1500 packets captured"), "{summary}");
    let file = pair.server.enter(|| Ok(std::fs::read(format!("{SCRATCH_DIR}/sent.pcap"))?))?;
    let captured = packets(&file).context("reading the capture")?;
    for (index, packet) in captured.iter().enumerate() {
        assert_eq!(packet, &frames[index % frames.len()], "frame {index}");
    }
    assert_eq!(captured.len(), 1500);
    Ok(())
}

#[test]
fn tcpdump_finds_every_checksum_right() -> Result<()> {
    if !met(&[&RIG[..], &[Requirement::Tool("tcpdump")]].concat()) {
        return Ok(());
    }
    let pair = Pair::new()?;
    let watcher = tcpdump(&pair, &["-nn", "-vvv", "-c", "240", FROM_CLIENT])?;
    let frames: Vec<Vec<u8>> = (0..240).map(assorted).collect();
    FrameSender::open(&pair.client, CLIENT_LINK)?.send(&frames)?;
    let text = watcher.wait(LIMIT)?.text();
    // Of twelve kinds five are TCP; four are whole UDP and one is ICMPv6.
    assert_eq!(text.matches("(correct)").count(), 100, "{text}");
    assert_eq!(text.matches("sum ok").count(), 100, "{text}");
    for wrong in ["incorrect", "wrong", "bad ", "[|", "truncated", "malformed", "invalid"] {
        assert!(!text.contains(wrong), "'{wrong}' in {text}");
    }
    Ok(())
}

#[test]
fn a_flood_from_trafgen_is_exact() -> Result<()> {
    if !met(&[&RIG[..], &[Requirement::Tool("trafgen")]].concat()) {
        return Ok(());
    }
    let pair = Pair::new()?;
    let before = pair.server.counters(SERVER_LINK)?;
    let frames: Vec<Vec<u8>> = (0..4).map(assorted).collect();
    trafgen(&pair.client, CLIENT_LINK, &frames, 100_001, LIMIT)?;
    pair.server.wait_for_received(SERVER_LINK, before, 100_001, LIMIT)
}

#[test]
fn a_paced_sender_keeps_its_pace() -> Result<()> {
    if !met(&RIG) {
        return Ok(());
    }
    let pair = Pair::new()?;
    let sender = FrameSender::open(&pair.client, CLIENT_LINK)?;
    let sent = sender.send_paced(&[assorted(0)], 2_000, Some(4_000.0))?;
    assert_eq!(sent.frames, 2_000);
    // Two cores shared with other tests: late is possible, early is not.
    assert!(sent.elapsed > Duration::from_millis(499), "{:?}", sent.elapsed);
    Ok(())
}

#[test]
fn every_request_is_one_connection() -> Result<()> {
    let tools = ["nginx", "curl", "tcpdump"].map(Requirement::Tool);
    if !met(&[&RIG[..], &tools[..]].concat()) {
        return Ok(());
    }
    let pair = Pair::new()?;
    let _server = HttpServer::start(&pair.server, 80)?;
    let syn = "(ip and tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn) \
               or (ip6 and ip6[6] = 6 and ip6[53] & 0x12 = 2)";
    let watcher = tcpdump(&pair, &["-nn", syn])?;
    let v4 = http_get(&pair.client, IpAddr::V4(SERVER_V4), 80, 150, LIMIT)?;
    let v6 = http_get(&pair.client, IpAddr::V6(SERVER_V6), 80, 50, LIMIT)?;
    assert_eq!((v4, v6), (150, 50));
    let text = settled(watcher)?;
    assert_eq!(text.matches(" IP ").count(), 150, "{text}");
    assert_eq!(text.matches(" IP6 ").count(), 50, "{text}");
    Ok(())
}

#[test]
fn children_die_with_the_thread_that_started_them() -> Result<()> {
    if !met(&RIG) {
        return Ok(());
    }
    let namespace = Namespace::new()?;
    let child = std::thread::scope(|scope| {
        let start = || {
            let mut sleep = namespace.command("sleep");
            sleep.arg("600");
            Running::spawn(sleep)
        };
        scope.spawn(start).join().expect("starting a process does not panic")
    })?;
    let finished = child.wait(LIMIT)?;
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&finished.status), Some(9));
    Ok(())
}

/// The test starts itself once more as a victim that builds a rig, and kills it.
#[test]
fn sigkill_leaves_nothing() -> Result<()> {
    const VICTIM: &str = "TESTBED_VICTIM";
    if !met(&RIG) {
        return Ok(());
    }
    if std::env::var_os(VICTIM).is_some() {
        let pair = Pair::new()?;
        let mut show = pair.server.command("readlink");
        show.arg("/proc/self/ns/net");
        let name = run(show, LIMIT)?.text();
        let mut sleep = pair.server.command("sleep");
        sleep.arg("600");
        let sleep = Running::spawn(sleep)?;
        // The harness captures what is printed.
        std::io::Write::write_all(&mut std::io::stderr(), format!("built {name}").as_bytes())?;
        sleep.wait(LIMIT)?;
        return Ok(());
    }
    let mut victim = std::process::Command::new(std::env::current_exe()?);
    victim.args(["--exact", "sigkill_leaves_nothing"]).env(VICTIM, "1");
    let victim = Running::spawn(victim)?;
    let line = victim.wait_for_line("built net:[", LIMIT)?;
    let (_, name) = line.split_once("built ").context("the line was chosen for it")?;
    assert!(holders(name)?.len() >= 2, "the victim and its child hold {name}");
    victim.signal(9)?;
    victim.wait(LIMIT)?;
    let deadline = Instant::now() + LIMIT;
    while !holders(name)?.is_empty() {
        ensure!(Instant::now() < deadline, "{name} is still held by {:?}", holders(name)?);
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Whatever keeps a network namespace alive: processes in it, and descriptors of it.
fn holders(name: &str) -> Result<Vec<std::path::PathBuf>> {
    let mut links = Vec::new();
    for process in std::fs::read_dir("/proc")?.flatten() {
        links.push(process.path().join("ns/net"));
        let descriptors = std::fs::read_dir(process.path().join("fd"));
        // A process may end while we look.
        links.extend(descriptors.into_iter().flatten().flatten().map(|entry| entry.path()));
    }
    links.retain(|link| std::fs::read_link(link).is_ok_and(|target| target.as_os_str() == name));
    Ok(links)
}

#[test]
fn time_limits_are_kept() -> Result<()> {
    let start = Instant::now();
    let mut sleep = std::process::Command::new("sleep");
    sleep.arg("600");
    let child = Running::spawn(sleep)?;
    let id = child.id();
    assert!(child.wait_for_line("ready", Duration::from_millis(50)).is_err());
    assert!(child.wait(Duration::from_millis(50)).is_err());
    // The child would have slept for ten minutes.
    assert!(start.elapsed() < Duration::from_secs(300));
    assert!(!std::fs::exists(format!("/proc/{id}"))?, "the child is reaped");
    let mut fails = std::process::Command::new("sh");
    fails.args(["-c", "echo why >&2; exit 3"]);
    let error = format!("{:#}", run(fails, LIMIT).expect_err("exit code 3"));
    assert!(error.contains("why") && error.contains('3'), "{error}");
    Ok(())
}

/// tcpdump on the server's end, capturing.
fn tcpdump(pair: &Pair, arguments: &[&str]) -> Result<Running> {
    let mut command = pair.server.command("tcpdump");
    // Delivered at once. The buffer is counted in frames of full snapshot length.
    command.args(["-i", SERVER_LINK, "--immediate-mode", "-s", "2048", "-B", "16384"]);
    command.args(["-Z", "root"]).args(arguments);
    let watcher = Running::spawn(command)?;
    watcher.wait_for_line("listening on", LIMIT)?;
    Ok(watcher)
}

/// What a watcher has printed, once it has printed nothing for a while: an interrupted
/// tcpdump throws away what it has not read yet.
fn settled(watcher: Running) -> Result<String> {
    let mut length = usize::MAX;
    while watcher.stdout().len() != length {
        length = watcher.stdout().len();
        std::thread::sleep(Duration::from_millis(500));
    }
    Ok(watcher.interrupt(LIMIT)?.text())
}

/// One of many kinds of frames, different for each number.
fn assorted(number: u16) -> Vec<u8> {
    let v4 = || Frame::ipv4(CLIENT_V4, SERVER_V4);
    let v6 = || Frame::ipv6(CLIENT_V6, SERVER_V6);
    let syn = || Tcp {
        source: 1024 + number,
        destination: 9,
        flags: tcp_flags::SYN,
        window: 1000,
        options: vec![2, 4, 5, 0xb4],
        ..Tcp::default()
    };
    let data = number.to_be_bytes().repeat(usize::from(number % 40));
    let frame = match number % 12 {
        0 => v4().tcp(syn()),
        1 => v6().tcp(syn()),
        2 => v4().ipv4_options(&[7, 7, 4, 0, 0, 0, 0]).tcp(syn()),
        3 => v6().extension(0, &[1, 4, 0, 0, 0, 0]).tcp(syn()),
        4 => v6().extension(60, &[1, 4, 0, 0, 0, 0]).extension(44, &[0, 0, 0, 0, 0, 1]).udp(7, 9),
        5 => v4().udp(1024 + number, 9).payload(&data),
        6 => v6().udp(1024 + number, 9).payload(&data),
        7 => v4().icmp(0, 0, [0, 1, 0, 1]).payload(&data),
        8 => v6().icmp(129, 0, [0, 1, 0, 1]).payload(&data),
        9 => v4().udp(1024 + number, 9).payload(&[data, vec![b'x'; 1300]].concat()),
        10 => v4().tagged(0x8100, 5).tcp(syn()),
        _ => v6().tagged(0x88a8, 7).tagged(0x8100, 5).udp(1024 + number, 9),
    };
    frame.build()
}

/// The packets of a pcap file.
fn packets(file: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rest = file.get(24..)?;
    let mut packets = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_ne_bytes(rest.get(8..12)?.try_into().ok()?) as usize;
        packets.push(rest.get(16..16 + length)?.to_vec());
        rest = rest.get(16 + length..)?;
    }
    Some(packets)
}

/// A round trip to a host that is far away takes as long as is asked for at least, over IPv4 and IPv6.
#[test]
fn a_far_host_is_far() -> Result<()> {
    if !met(&[&RIG[..], &[Requirement::Tool("nginx"), Requirement::Tool("curl")]].concat()) {
        return Ok(());
    }
    let pair = Pair::new()?;
    let _server = HttpServer::start(&pair.server, 80)?;
    let delay = Duration::from_millis(30);
    let far = Far::behind(&pair, delay)?;
    for server in [IpAddr::V4(SERVER_V4), SERVER_V6.into()] {
        let start = Instant::now();
        http_get(&far.host, server, 80, 5, LIMIT)?;
        // Each time there and back for the handshake, and for the page.
        let least = 5 * 2 * 2 * delay;
        ensure!(start.elapsed() >= least, "{:?}, but not {least:?}", start.elapsed());
    }
    far.end()
}
