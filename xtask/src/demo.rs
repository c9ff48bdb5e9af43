//! The demonstration: a client, a server and a wire of their own, real requests over
//! IPv4 and IPv6, and probe in the middle. Each count is held against what was sent.
//!
//! Namespaces have no name and children die with us, so nothing has to be removed: it
//! is gone with this process, however that ends. Only the capture file stays.

use std::env;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Frame, FrameSender, HttpServer, Namespace, Pair, Running,
    SERVER_LINK, SERVER_V4, SERVER_V6, http_get, run,
};
use xtask::shell::{root, target_dir};
use xtask::show;

/// Requests over IPv4 and over IPv6, each over a connection of its own; DNS queries of
/// each kind.
const V4_REQUESTS: u64 = 300;
const V6_REQUESTS: u64 = 200;
const V4_QUERIES: u64 = 30;
const V6_QUERIES: u64 = 20;

/// Longer than anything here takes on a slow machine.
const LIMIT: Duration = Duration::from_secs(60);

/// What is counted where the requests arrive, with what is sent.
const REQUESTS: [(&str, &str, u64); 6] = [
    ("syn-v4", "ip and @syn", V4_REQUESTS),
    ("syn-v6", "ip6 and @syn", V6_REQUESTS),
    ("get-v4", "ip and @get", V4_REQUESTS),
    ("get-v6", "ip6 and @get", V6_REQUESTS),
    ("dns-v4", "ip and @dns", V4_QUERIES),
    ("dns-v6", "ip6 and @dns", V6_QUERIES),
];

/// What is counted where the answers arrive.
const ANSWERS: [(&str, &str, u64); 4] = [
    ("synack-v4", "ip and @synack", V4_REQUESTS),
    ("synack-v6", "ip6 and @synack", V6_REQUESTS),
    ("response-v4", "ip and @http-response", V4_REQUESTS),
    ("response-v6", "ip6 and @http-response", V6_REQUESTS),
];

/// A query for `example.com`, type A (RFC 1035, section 4.1).
const QUERY: &[u8] =
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01";

/// Shows it with this binary, and fails where a count is not what was sent.
pub fn show(probe: &Path) -> Result<()> {
    let started = Instant::now();
    let file = target_dir().join("demo.pcap");
    let pair = Pair::new()?;
    let _server = HttpServer::start(&pair.server, 80)?;
    show!("{}", picture());

    show!("\nAt the server, in the XDP hook, count what comes in; at the client, what comes back;");
    show!(
        "and write the server's HTTP traffic to a file, both directions, through tcx (the default):\n"
    );
    let requests = counter(probe, &pair.server, SERVER_LINK, &REQUESTS)?;
    let answers = counter(probe, &pair.client, CLIENT_LINK, &ANSWERS)?;
    let capture = capture(probe, &pair.server, &file)?;

    show!("\nNow curl asks, each time over a new connection, and a resolver asks for a name:");
    let v4 = http_get(&pair.client, IpAddr::V4(SERVER_V4), 80, V4_REQUESTS, LIMIT)?;
    show!("  {v4} requests over IPv4, all answered");
    let v6 = http_get(&pair.client, IpAddr::V6(SERVER_V6), 80, V6_REQUESTS, LIMIT)?;
    show!("  {v6} requests over IPv6, all answered");
    query(&pair)?;
    show!("  {V4_QUERIES} DNS queries over IPv4, {V6_QUERIES} over IPv6");

    let tables = [end(requests)?, end(answers)?];
    let words = end_with_words(capture)?;
    show!("\nWhat came in (probe's table, after Ctrl-C):\n\n{}", indented(&tables[0]));
    show!("What came back:\n\n{}", indented(&tables[1]));
    show!("The capture's own account:\n\n{}", indented(&words));
    show_file(&file)?;

    check(&tables[0], &REQUESTS)?;
    check(&tables[1], &ANSWERS)?;
    show!(
        "\nAll {} counts are exactly what was sent. {:.1} s; the namespaces, the wire and the \
         programs\nare gone with this process, {} stays.",
        REQUESTS.len() + ANSWERS.len(),
        started.elapsed().as_secs_f64(),
        short(&file)
    );
    Ok(())
}

fn picture() -> String {
    format!(
        "Two network namespaces with a wire between them:\n\n    \
         client {CLIENT_LINK} ------------------------ {SERVER_LINK} server (nginx, port 80)\n    \
         {CLIENT_V4:<12}                   {SERVER_V4}\n    \
         {CLIENT_V6:<12}                   {SERVER_V6}"
    )
}

fn counter(
    probe: &Path,
    namespace: &Namespace,
    link: &str,
    rules: &[(&str, &str, u64)],
) -> Result<Running> {
    let mut command = namespace.command(probe);
    command.args(["count", "-i", link, "--hook", "xdp", "--format", "table"]);
    let mut shown = format!("$ probe count -i {link} --hook xdp");
    for (name, filter, _) in rules {
        command.arg("--rule").arg(format!("{name}={filter}"));
        shown += &format!(" \\\n      --rule '{name}={filter}'");
    }
    start(command, &shown)
}

fn capture(probe: &Path, namespace: &Namespace, file: &Path) -> Result<Running> {
    let mut command = namespace.command(probe);
    command.args(["capture", "-i", SERVER_LINK, "-Q", "inout", "-w"]);
    command.arg(file).arg("tcp port 80");
    let shown =
        format!("$ probe capture -i {SERVER_LINK} -Q inout -w {} 'tcp port 80'", short(file));
    start(command, &shown)
}

fn start(command: Command, shown: &str) -> Result<Running> {
    show!("{shown}");
    let running = Running::spawn(command)?;
    show!("{}", running.wait_for_line("probe: attached to", LIMIT)?);
    Ok(running)
}

/// Sends DNS queries to the server. Nothing answers them there but the kernel's
/// 'port unreachable', which is none of the counted kinds.
fn query(pair: &Pair) -> Result<()> {
    let sender = FrameSender::open(&pair.client, CLIENT_LINK)?;
    let v4 = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(40_000, 53).payload(QUERY).build();
    let v6 = Frame::ipv6(CLIENT_V6, SERVER_V6).udp(40_000, 53).payload(QUERY).build();
    sender.send_paced(&[v4], V4_QUERIES, None)?;
    sender.send_paced(&[v6], V6_QUERIES, None)?;
    Ok(())
}

/// Ends a counter as Ctrl-C does and returns the last table it printed.
fn end(counter: Running) -> Result<String> {
    let finished = counter.interrupt(LIMIT)?;
    ensure!(finished.status.success(), "probe: {}: {}", finished.status, finished.stderr);
    let text = finished.text();
    let start = text.rfind("rule ").context("probe printed no table")?;
    let line = text[..start].trim_end().rfind('\n').map_or(0, |newline| newline + 1);
    Ok(text[line..].to_owned())
}

/// Ends a capture as Ctrl-C does and returns what it said on standard error.
fn end_with_words(capture: Running) -> Result<String> {
    let finished = capture.interrupt(LIMIT)?;
    ensure!(finished.status.success(), "probe: {}: {}", finished.status, finished.stderr);
    let said = finished.stderr.lines().filter(|line| !line.contains("attached to"));
    Ok(said.map(|line| format!("{line}\n")).collect())
}

/// Shows the head of the file as tcpdump reads it, and how many frames are in it.
fn show_file(file: &Path) -> Result<()> {
    give_to_user(file)?;
    let tcpdump = |arguments: &[&str]| -> Result<String> {
        let mut command = Command::new("tcpdump");
        command.args(["-nn", "-r"]).arg(file).args(arguments);
        Ok(run(command, LIMIT)?.text())
    };
    let frames = |filter: &str| -> Result<u64> {
        let text = tcpdump(&["--count", filter])?;
        let number = text.split_whitespace().next().context("tcpdump --count says nothing")?;
        number.parse().with_context(|| format!("tcpdump --count: {text}"))
    };
    let (v4, v6) = (frames("ip")?, frames("ip6")?);
    show!("The file, as tcpdump reads it: {v4} frames of IPv4, {v6} of IPv6; the first of each:\n");
    for filter in ["ip", "ip6"] {
        let lines = tcpdump(&["-t", "-c", "5", filter])?;
        show!("{}", indented(&lines.lines().map(clipped).collect::<Vec<_>>().join("\n")));
    }
    // A connection takes at least three frames from each side.
    ensure!(v4 >= 6 * V4_REQUESTS, "the file has only {v4} frames of IPv4");
    ensure!(v6 >= 6 * V6_REQUESTS, "the file has only {v6} frames of IPv6");
    Ok(())
}

/// Holds the rows of a table against what was sent.
fn check(table: &str, rules: &[(&str, &str, u64)]) -> Result<()> {
    for (name, filter, sent) in rules {
        let row = table.lines().find(|line| line.split_whitespace().next() == Some(name));
        let row = row.with_context(|| format!("the table has no row '{name}'"))?;
        let packets = row.split_whitespace().nth(1).unwrap_or_default().replace(',', "");
        ensure!(packets.parse() == Ok(*sent), "'{filter}' counted {packets}, but {sent} were sent");
    }
    Ok(())
}

/// The file belongs to the user who called sudo.
fn give_to_user(file: &Path) -> Result<()> {
    let id = |name: &str| env::var(name).ok()?.parse::<u32>().ok();
    if let (Some(user), Some(group)) = (id("SUDO_UID"), id("SUDO_GID")) {
        chown(file, Some(user), Some(group)).context("giving the capture file to its user")?;
    }
    ensure!(fs::metadata(file)?.len() > 0, "{} is empty", short(file));
    Ok(())
}

fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn indented(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("    {line}\n")).collect()
}

/// A line of tcpdump's without the TCP options, so that it fits most terminals.
fn clipped(line: &str) -> String {
    let options = line.split_once(", options [").and_then(|(head, rest)| {
        let (_, tail) = rest.split_once(']')?;
        Some(format!("{head}{tail}"))
    });
    options.unwrap_or_else(|| line.to_owned()).chars().take(92).collect()
}
