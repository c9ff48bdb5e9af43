//! What the client, the router and the server say to each other: bounded in count and
//! time, and the slow parts at once.

use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr, TcpStream, UdpSocket},
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use testbed::{
    FrameSender, HttpServer, Namespace, Running, SCRATCH_DIR, http_get, http_get_large, run,
};

use super::{
    mail,
    network::{
        CLIENT_LINK, CLIENT_V4, DROPPED, LOSSY, Network, PROHIBITED, REJECTED, RESET, ROUTER_V4,
        ROUTER_V6, SERVER_LINK, SERVER_V4, SERVER_V6, set,
    },
    ready, wait_until,
};
use crate::rig::LIMIT;

/// All of it.
pub fn make(network: &Network, folder: &Path) -> Result<()> {
    thread::scope(|scope| {
        let parts = [
            scope.spawn(|| web(network)),
            scope.spawn(|| names(network)),
            scope.spawn(|| shell(network, folder)),
            scope.spawn(|| letters(network, folder)),
            scope.spawn(|| echoes(network)),
            scope.spawn(|| closed_ports(network)),
            scope.spawn(|| groups(network)),
            scope.spawn(|| tunnel(network)),
        ];
        parts.into_iter().try_for_each(|part| part.join().map_err(|_| anyhow!("a panic"))?)
    })
}

/// nginx and curl; the server loses a part of what comes in, so that curl's side sends
/// again.
fn web(network: &Network) -> Result<()> {
    let _server = HttpServer::start(&network.server, LOSSY)?;
    for host in [SERVER_V4, SERVER_V6] {
        http_get(&network.client, host.parse()?, LOSSY, 3, LIMIT)?;
        http_get_large(&network.client, host.parse()?, LOSSY, 1, LIMIT)?;
        let mut post = network.client.command("curl");
        let host = if host.contains(':') { format!("[{host}]") } else { host.into() };
        post.args(["--silent", "--globoff", "--output", "/dev/null", "--max-time", "30"]);
        post.args(["--data", &"x".repeat(20_000), &format!("http://{host}/none")]);
        run(post, LIMIT)?;
    }
    Ok(())
}

/// dnsmasq on the router for names, addresses, routes and files; again on the port of
/// multicast DNS. dig, udhcpc and curl ask.
fn names(network: &Network) -> Result<()> {
    let root = format!("{SCRATCH_DIR}/files");
    network.router.enter(|| {
        fs::create_dir_all(&root)?;
        Ok(fs::write(format!("{root}/boot"), vec![7; 1300])?)
    })?;
    let leases = format!("--dhcp-leasefile={SCRATCH_DIR}/leases");
    let files = format!("--tftp-root={root}");
    let _server = dnsmasq(
        &network.router,
        &[
            "--dhcp-range=192.0.2.100,192.0.2.120,1h",
            "--dhcp-range=2001:db8:1::,ra-only",
            "--enable-ra",
            "--domain=example.test",
            "--enable-tftp",
            &files,
            &leases,
        ],
    )?;
    let _multicast = dnsmasq(&network.router, &["--port=5353"])?;
    let questions = [
        "www.example.test A",
        "www.example.test AAAA",
        "-x 198.51.100.2",
        "-x 2001:db8:2::2",
        "example.test MX",
        "example.test TXT +noedns",
        "_http._tcp.example.test SRV",
        "nobody.example.test A",
        "alias.example.test A +dnssec",
        "example.test NAPTR",
        "example.test SOA",
        "www.example.test ANY +nocookie",
        "www.example.test A +tcp",
        "example.test MX +tcp",
        "www.example.test A +bufsize=512 +nsid",
        "version.bind CH TXT",
        "www.example.test A -p 5353",
        "example.test MX -p 5353",
    ];
    for server in [ROUTER_V4, ROUTER_V6] {
        for question in questions {
            dig(&network.client, server, question)?;
        }
    }
    // Nobody answers there.
    dig(&network.client, "224.0.0.251", "printer.local PTR -p 5353 +time=1 +tries=1")?;

    // The server gives an address; /bin/true does not take it.
    let mut dhcp = network.client.command("udhcpc");
    dhcp.args(["-i", CLIENT_LINK, "-f", "-q", "-n", "-R", "-s", "/bin/true", "-F", "guest"]);
    run(dhcp, LIMIT)?;

    let mut tftp = network.client.command("curl");
    tftp.args(["--silent", "--show-error", "--output", "/dev/null", "--max-time", "10"]);
    tftp.arg(format!("tftp://{ROUTER_V4}/boot"));
    run(tftp, LIMIT).map(drop)
}

fn dnsmasq(namespace: &Namespace, more: &[&str]) -> Result<Running> {
    let mut command = namespace.command("dnsmasq");
    command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--no-resolv"]);
    command.args(["--no-hosts", "--pid-file=", "--log-facility=-", "--local=/test/"]);
    command.arg(format!("--host-record=www.example.test,{SERVER_V4},{SERVER_V6}"));
    command.args([
        "--mx-host=example.test,mail.example.test,10",
        "--cname=alias.example.test,www.example.test",
    ]);
    command.args([
        "--txt-record=example.test,v=spf1 -all",
        "--naptr-record=example.test,10,20,s,SIP,,_sip._udp.example.test",
    ]);
    command.arg("--srv-host=_http._tcp.example.test,www.example.test,80");
    command.args(more);
    ready(command, "started, version")
}

/// Asks, whatever the answer is: dig says in its exit code whether there was one.
fn dig(client: &Namespace, server: &str, question: &str) -> Result<()> {
    let mut dig = client.command("dig");
    dig.arg(format!("@{server}")).args(["+time=5", "+tries=2"]).args(question.split(' '));
    Running::spawn(dig)?.wait(LIMIT).map(drop)
}

/// A command over ssh, with a key made for it.
fn shell(network: &Network, folder: &Path) -> Result<()> {
    let key = |name: &str| -> Result<String> {
        let file = folder.join(name).display().to_string();
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-f", &file]);
        run(keygen, LIMIT)?;
        Ok(file)
    };
    let (host, user) = (key("host")?, key("user")?);
    // sshd wants an empty folder of its own there; /run of this mount namespace only.
    let mut sshd = network.server.command("sh");
    sshd.args(["-c", "mount -t tmpfs none /run && mkdir /run/sshd && exec \"$@\"", "sh"]);
    sshd.args(["/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-o", "UsePAM=no"]);
    sshd.args(["-o", "StrictModes=no", "-o", "PermitRootLogin=yes", "-o", "PidFile=none"]);
    sshd.args(["-o", &format!("HostKey={host}"), "-o", &format!("AuthorizedKeysFile={user}.pub")]);
    let _server = ready(sshd, "Server listening on :: port 22")?;
    for host in [SERVER_V4, SERVER_V6] {
        let mut ssh = network.client.command("ssh");
        ssh.args(["-F", "none", "-i", &user, "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"]);
        ssh.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
        ssh.args([&format!("root@{host}"), "echo done"]);
        // Whether root may log in is the machine's affair; both have said who they are.
        Running::spawn(ssh)?.wait(LIMIT)?;
    }
    Ok(())
}

/// Mail over both versions of IP.
fn letters(network: &Network, folder: &Path) -> Result<()> {
    let letter = folder.join("letter");
    fs::write(&letter, "Subject: hello\r\n\r\nA line.\r\n")?;
    let server = mail::serve(&network.server, 2)?;
    for host in [SERVER_V4, &format!("[{SERVER_V6}]")] {
        let mut curl = network.client.command("curl");
        curl.args(["--silent", "--show-error", "--globoff", "--max-time", "20"]);
        curl.args(["--mail-from", "a@example.test", "--mail-rcpt", "b@example.test"]);
        curl.arg(format!("smtp://{host}/client.example.test")).arg("--upload-file").arg(&letter);
        run(curl, LIMIT)?;
    }
    server.join().map_err(|_| anyhow!("the mail server panicked"))?
}

/// Echoes: short, long, too long, and not far enough.
fn echoes(network: &Network) -> Result<()> {
    let pings = [
        "-c 3 -i 0.01 192.0.2.1",
        "-c 2 -i 0.01 SERVER",
        "-c 1 -s 4000 SERVER",
        "-c 1 -s 1460 -M do SERVER",
        "-c 1 -t 1 SERVER",
        "-c 1 -p ff -Q 0x10 SERVER",
        "-c 1 -R SERVER",
        "-c 1 -T tsonly SERVER",
        "-c 1 -T tsandaddr SERVER",
        // Nobody is there.
        "-c 1 192.0.2.77",
        "-c 1 198.51.100.77",
        "-c 1 203.0.113.1",
    ];
    for ping in pings {
        for host in [SERVER_V4, SERVER_V6] {
            let of_4 = ["-R", "-T", "192.", "203.", "198."];
            if host == SERVER_V6 && of_4.iter().any(|part| ping.contains(part)) {
                continue;
            }
            let mut command = network.client.command("ping");
            command.args(["-n", "-q", "-W", "0.3"]).args(ping.replace("SERVER", host).split(' '));
            Running::spawn(command)?.wait(LIMIT)?;
        }
    }
    Ok(())
}

/// Ports that refuse, reject and say nothing; and datagrams as traceroute sends them.
fn closed_ports(network: &Network) -> Result<()> {
    const CLOSED: u16 = 7000;
    // One SYN and its first repetition, a second later.
    let patience = Duration::from_millis(1300);
    network.client.enter(|| {
        for host in [SERVER_V4, SERVER_V6] {
            for port in [CLOSED, REJECTED, PROHIBITED, RESET, DROPPED] {
                let limit = if port == DROPPED { patience } else { Duration::from_millis(50) };
                let refused = TcpStream::connect_timeout(
                    &(host.parse::<std::net::IpAddr>()?, port).into(),
                    limit,
                );
                ensure!(refused.is_err(), "port {port} is open");
            }
        }
        for hops in 1..=3 {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            socket.set_ttl(hops)?;
            socket.send_to(&[b'@'; 32], (SERVER_V4, 33_434))?;
        }
        let socket = UdpSocket::bind("[::]:0")?;
        socket.send_to(&[b'@'; 32], (SERVER_V6, 33_434))?;
        Ok(())
    })
}

/// Groups are joined and left, in the words of each version of IGMP and MLD.
fn groups(network: &Network) -> Result<()> {
    for version in ["3", "2", "1"] {
        set(&network.client, "ipv4/conf/cli0/force_igmp_version", version)?;
        let of_6 = if version == "3" { "2" } else { "1" };
        set(&network.client, "ipv6/conf/cli0/force_mld_version", of_6)?;
        network.client.enter(|| {
            let group = Ipv4Addr::new(239, 1, 2, 3);
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            socket.join_multicast_v4(&group, &CLIENT_V4.parse()?)?;
            let of_6: Ipv6Addr = "ff05::1:3".parse()?;
            let socket_6 = UdpSocket::bind("[::]:0")?;
            let index = fs::read_to_string(format!("/sys/class/net/{CLIENT_LINK}/ifindex"))?;
            socket_6.join_multicast_v6(&of_6, index.trim().parse()?)?;
            socket_6.send_to(b"hello", (of_6, 5000))?;
            socket.send_to(b"hello", (group, 5000))?;
            thread::sleep(Duration::from_millis(100));
            Ok(())
        })?;
    }
    Ok(())
}

/// VXLAN between the client and the server, and an echo through it.
fn tunnel(network: &Network) -> Result<()> {
    for (namespace, link, local, remote, inner) in [
        (&network.client, CLIENT_LINK, CLIENT_V4, SERVER_V4, "10.9.9.1/24"),
        (&network.server, SERVER_LINK, SERVER_V4, CLIENT_V4, "10.9.9.2/24"),
    ] {
        namespace.ip(&[
            format!(
                "link add vx0 type vxlan id 5 local {local} remote {remote} dstport 4789 dev {link}"
            ),
            format!("address add {inner} dev vx0"),
            "link set vx0 up".into(),
        ])?;
    }
    let mut ping = network.client.command("ping");
    ping.args(["-n", "-q", "-c", "2", "-i", "0.05", "10.9.9.2"]);
    run(ping, LIMIT).map(drop)
}

/// Sends the first frames of a capture from the router to the server once more, with one
/// and with two VLAN tags.
pub fn replay_tagged(network: &Network, capture: &Path) -> Result<()> {
    const FRAMES: usize = 300;
    let mut reader = probe_pcap::Reader::open(capture)?;
    let mut frames = Vec::new();
    while let Some(frame) = reader.next()?
        && frames.len() < 2 * FRAMES
    {
        let Some((addresses, rest)) = frame.bytes.split_at_checked(12) else { continue };
        // With two tags more it must still fit the link.
        if rest.len() > 1300 {
            continue;
        }
        frames.push([addresses, &[0x81, 0, 0x60, 42], rest].concat());
        frames.push([addresses, &[0x88, 0xa8, 0x10, 9, 0x81, 0, 0, 7], rest].concat());
    }
    let before = network.server.counters(SERVER_LINK)?;
    let sent = frames.len() as u64;
    FrameSender::open(&network.router, "far0")?.send(&frames).context("sending tagged frames")?;
    wait_until("tagged frames", || {
        (network.server.counters(SERVER_LINK)).is_ok_and(|now| now.since(before).rx_packets >= sent)
    })
}
