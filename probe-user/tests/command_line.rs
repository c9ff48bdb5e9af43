//! The program as it is called: what goes to which stream, and how it ends.

mod samples;

use std::{
    fs,
    io::Read as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

fn probe(arguments: &[&str]) -> Output {
    // A command line that should have been refused must not capture for ever.
    Command::new("timeout")
        .args(["20", env!("CARGO_BIN_EXE_probe")])
        .args(arguments)
        .env("TZ", "UTC")
        .output()
        .expect("the program runs")
}

/// Runs it; its exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = probe(arguments);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code().expect("it ended by itself"), text(stdout), text(stderr))
}

/// Frames in text with --number: some frames take several lines, the first has the number.
fn frames_of(text: &str) -> usize {
    text.lines().fold(0, |frames, line| {
        let next = format!("{:>5}  ", frames + 1);
        if line.starts_with(&next) { frames + 1 } else { frames }
    })
}

/// A folder with a capture of the samples in it.
fn capture() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("samples.pcap");
    samples::write(&path, &testbed::samples::all());
    (folder, path)
}

#[test]
fn help_and_version_go_to_stdout() {
    let (code, out, err) = run(&["--help"]);
    assert_eq!((code, err.as_str()), (0, ""));
    for word in ["count", "rate", "capture", "health", "filter", "interfaces"] {
        assert!(out.contains(word), "{word}");
    }
    let (code, out, _) = run(&["--version"]);
    assert_eq!((code, out.as_str()), (0, concat!("probe ", env!("CARGO_PKG_VERSION"), "\n")));
    assert_eq!(run(&["version"]), (0, out, String::new()));
    for command in ["count", "rate", "capture", "health", "filter", "interfaces"] {
        let (code, out, err) = run(&[command, "--help"]);
        assert_eq!((code, err.as_str()), (0, ""), "{command}");
        assert!(out.contains("Usage: probe"), "{command}");
    }
}

#[test]
fn mistakes_are_code_2_and_go_to_stderr() {
    for (arguments, expected) in [
        (&["nosuch"][..], "unrecognized subcommand"),
        (&["count", "--nosuch"], "unexpected argument"),
        (&["count", "-i", "nosuch0"], "no interface is named \"nosuch0\""),
        (&["capture", "-i", "lo", "-Q", "out", "--hook", "xdp"], "use --hook tcx"),
        (&["capture", "-i", "lo", "-c", "0"], "expected a number, 1 or more"),
        (&["count", "-i", "lo", "--interval", "soon"], "expected a time such as 500ms"),
        (&["count", "-i", "lo", "--hook", "nic"], "no such hook; one of auto, tcx, xdp"),
        (&["count", "-i", "lo", "--rule", "nameless"], "expected NAME=EXPR"),
        (&["health", "-i", "lo", "--port", "http"], "expected a port from 1 to 65535"),
        (&["health", "-i", "lo", "--port", "80", "prot 80"], "prot 80"),
        (&["health", "-i", "lo", "--port", "80", "--top", "3"], "cannot be used with"),
        (&["count", "-i", "lo", "--rule", "a=tcp", "--rule", "a=udp"], "two rules are named"),
        (&["capture", "-r", "x", "-i", "lo"], "cannot be used with"),
        (&["capture", "-i", "lo", "--engine", "kernel"], "cannot be used with"),
    ] {
        let (code, out, err) = run(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {err}");
        assert!(err.contains(expected), "{arguments:?}: {err}");
    }
}

#[test]
fn a_bad_expression_shows_a_caret() {
    let (code, out, err) = run(&["filter", "tcp prot 80"]);
    assert_eq!((code, out.as_str()), (2, ""));
    let lines: Vec<&str> = err.lines().collect();
    let text = lines.iter().position(|line| line.trim() == "tcp prot 80").expect("the text");
    assert_eq!(lines[text + 1].find('^'), lines[text].find("prot"), "{err}");
    // The rule is named where there are several.
    let (code, _, err) = run(&["count", "-i", "lo", "--rule", "a=tcp", "--rule", "b=prot 80"]);
    assert_eq!(code, 2);
    assert!(err.contains("rule b: "), "{err}");
}

#[test]
fn files_that_do_not_read_are_code_1_and_named() {
    let (folder, capture) = capture();
    let text = folder.path().join("text.pcap");
    fs::write(&text, "not a capture at all, only words").expect("written");
    let cut = folder.path().join("cut.pcap");
    let bytes = fs::read(&capture).expect("readable");
    fs::write(&cut, &bytes[..bytes.len() - 3]).expect("written");
    for (path, expected) in [
        ("/nosuch/x.pcap", "opening /nosuch/x.pcap: No such file"),
        ("/", "opening /: "),
        (text.to_str().expect("a path"), "is neither a pcap nor a pcapng file"),
        (cut.to_str().expect("a path"), "is truncated: the record at byte"),
    ] {
        for command in ["count", "capture"] {
            let (code, _, err) = run(&[command, "-r", path]);
            assert_eq!(code, 1, "{command} {path}: {err}");
            assert!(err.contains(expected), "{command} {path}: {err}");
        }
    }
    // What comes before the damage is shown all the same.
    let lines =
        |path: &PathBuf| run(&["capture", "-r", path.to_str().expect("a path")]).1.lines().count();
    assert_eq!(lines(&cut), lines(&capture) - 1);
}

#[test]
fn a_file_that_cannot_be_written_is_code_1() {
    let (_folder, capture) = capture();
    let capture = capture.to_str().expect("a path");
    let (code, _, err) = run(&["capture", "-r", capture, "-w", "/nosuch/out.pcap"]);
    assert_eq!(code, 1);
    assert!(err.contains("creating /nosuch/out.pcap: No such file"), "{err}");
    let (code, _, err) = run(&["capture", "-r", capture, "-w", "/dev/full"]);
    assert_eq!(code, 1);
    assert!(err.contains("/dev/full") && err.contains("No space left"), "{err}");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let status = Command::new(env!("CARGO_BIN_EXE_probe"))
        .args(["capture", "-r", capture])
        .stdout(full)
        .stderr(Stdio::null())
        .status();
    assert_eq!(status.expect("it runs").code(), Some(1));
}

#[test]
fn a_reader_that_goes_away_is_success() {
    let (_folder, capture) = capture();
    for arguments in [&["capture", "-r"][..], &["capture", "-w", "-", "-r"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_probe"))
            .args(arguments)
            .arg(&capture)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut err).expect("text");
        assert_eq!(child.wait().expect("it ends").code(), Some(0), "{err}");
        assert!(!err.contains("Broken pipe"), "{err}");
    }
}

#[test]
fn a_copy_of_a_file_is_the_file() {
    let (folder, capture) = capture();
    let copy = folder.path().join("copy.pcap");
    let (code, out, _) = run(&[
        "capture",
        "-r",
        capture.to_str().expect("a path"),
        "-w",
        copy.to_str().expect("a path"),
    ]);
    assert_eq!((code, out.as_str()), (0, ""));
    assert_eq!(fs::read(&copy).expect("written"), fs::read(&capture).expect("readable"));
    // To standard output it is the same.
    let output = probe(&["capture", "-r", capture.to_str().expect("a path"), "-w", "-"]);
    assert_eq!(output.stdout, fs::read(&capture).expect("readable"));
}

#[test]
fn counts_of_a_file() {
    let (folder, capture) = capture();
    let capture = capture.to_str().expect("a path");
    let rules = folder.path().join("rules.toml");
    fs::write(&rules, "[[rule]]\nname = \"tcp\"\nfilter = \"tcp\"\nsample = 10\n")
        .expect("written");
    let rules = rules.to_str().expect("a path");
    let arguments = ["count", "-r", capture, "--format", "json", "--rules", rules];
    let (code, out, err) = run(&[&arguments[..], &["--rule", "six=ip6", "arp"]].concat());
    assert_eq!((code, err.as_str()), (0, ""));
    let line: serde_json::Value = serde_json::from_str(&out).expect("one object");
    assert_eq!(line["final"], true);
    assert_eq!(line["hook"], "file");
    assert_eq!(line["interfaces"][0], capture);
    let names: Vec<&str> = line["rules"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|r| r["name"].as_str())
        .collect();
    assert_eq!(names, ["tcp", "six", "match"]);
    let seen = line["seen"]["packets"].as_u64().expect("a number");
    assert_eq!(seen as usize, testbed::samples::all().len());
    // The lines that a capture with the same filter prints are as many.
    for (index, filter) in ["tcp", "ip6", "arp"].iter().enumerate() {
        let output = probe(&["capture", "-r", capture, "--number", "-t", filter]);
        let lines = String::from_utf8(output.stdout).expect("text");
        let frames = frames_of(&lines) as u64;
        assert_eq!(line["rules"][index]["packets"].as_u64(), Some(frames), "{filter}");
    }
}

#[test]
fn limits_of_a_file() {
    let (_folder, capture) = capture();
    let capture = capture.to_str().expect("a path");
    let frames = |arguments: &[&str]| {
        let flags = ["capture", "-r", capture, "-t", "--number"];
        let (code, out, err) = run(&[&flags, arguments].concat());
        assert_eq!(code, 0, "{err}");
        frames_of(&out)
    };
    let all = frames(&[]);
    assert_eq!(frames(&["-c", "5"]), 5);
    assert_eq!(frames(&["--sample", "10"]), all / 10);
    let (_, out, _) = run(&["capture", "-r", capture, "-s", "20", "-c", "1", "-t"]);
    assert_eq!(out, "IP  [|ip]\n");
}

#[test]
fn interfaces_are_listed_without_privileges() {
    let (code, out, err) = run(&["interfaces", "lo"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("1: lo  "), "{out}");
    let (code, out, _) = run(&["interfaces", "--json"]);
    assert_eq!(code, 0);
    let list: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert!(list.as_array().expect("a list").iter().any(|i| i["name"] == "lo" && i["index"] == 1));
    assert_eq!(run(&["interfaces", "nosuch0"]).0, 2);
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let (_folder, capture) = capture();
    let capture = capture.to_str().expect("a path");
    for (flags, reason) in [
        (&["-I"][..], "-I: monitor mode is not supported"),
        (&["--monitor-mode"], "-I: monitor mode is not supported"),
        (&["-H"], "-H: 802.11 mesh headers are not supported"),
        (&["-E", "0x1@192.0.2.1 des-cbc:secret"], "-E: probe does not decrypt ESP"),
        (&["-M", "secret"], "-M: probe does not check TCP-MD5"),
        (&["-m", "mib.txt"], "-m: probe does not load SMI modules"),
        (&["-T", "domain"], "-T: probe chooses a packet's protocol by its ports"),
        (&["-j", "adapter"], "only host: the kernel program takes"),
        (&["-j", "moon"], "no such time stamp type; -J lists them"),
        (
            &["-y", "DOCSIS"],
            "no such link type; the names are EN10MB, RAW, IPV4, IPV6, LINUX_SLL, LINUX_SLL2, NULL",
        ),
        (&["-y", "RAW"], "-y RAW: the link type is EN10MB"),
        (&["--micro", "--nano"], "cannot be used with"),
        (&["-F", "filter.txt", "tcp"], "cannot be used with"),
    ] {
        let arguments = [&["capture", "-r", capture], flags].concat();
        let (code, out, err) = run(&arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {err}");
        assert!(err.contains(reason), "{arguments:?}: {err}");
    }
}

#[test]
fn what_changes_nothing_is_accepted() {
    let (_folder, capture) = capture();
    let capture = capture.to_str().expect("a path");
    let lines = |flags: &[&str]| {
        let (code, out, err) = run(&[&["capture", "-r", capture, "-nn"], flags].concat());
        assert_eq!(code, 0, "{flags:?}: {err}");
        (out, err)
    };
    let (plain, words) = lines(&[]);
    for flags in [
        &["-p"][..],
        &["--no-promiscuous-mode"],
        &["-O"],
        &["--no-optimize"],
        &["--immediate-mode"],
        &["-f"],
        &["-N"],
        &["-b"],
        &["-l"],
        &["-U"],
        &["--print"],
        &["-j", "host"],
        &["-y", "en10mb"],
        &["--micro"],
    ] {
        assert_eq!(lines(flags), (plain.clone(), words.clone()), "{flags:?}");
    }
    let (out, err) = lines(&["-u"]);
    assert_eq!(out, plain);
    assert!(err.contains("note: ") && err.contains("NFS is not decoded"), "{err}");
    assert_eq!(lines(&["--nano"]), lines(&["--time-stamp-precision", "nano"]));
    assert_ne!(lines(&["--nano"]).0, plain);
}

/// Runs tcpdump; its standard output.
fn tcpdump(arguments: &[&str]) -> String {
    let output = Command::new("tcpdump").args(arguments).env("TZ", "UTC").output();
    String::from_utf8(output.expect("tcpdump is installed").stdout).expect("text")
}

#[test]
fn a_count_in_tcpdumps_words() {
    let (_folder, capture) = capture();
    let capture = capture.to_str().expect("a path");
    for filter in [&[][..], &["arp"], &["tcp", "port", "1"], &["-c", "1"], &["-c", "3", "udp"]] {
        let words = [&["--count", "-r", capture], filter].concat();
        let (code, out, _) = run(&[&["capture"], &words[..]].concat());
        assert_eq!((code, out.as_str()), (0, tcpdump(&words).as_str()), "{filter:?}");
    }
}

#[test]
fn a_filter_file_has_comments() {
    let (folder, capture) = capture();
    let capture = capture.to_str().expect("a path");
    let file = folder.path().join("filter.txt");
    let text = "# what is asked for\ntcp # not udp\n or\n arp # (both)";
    fs::write(&file, text).expect("written");
    let file = file.to_str().expect("a path");
    let words = ["--count", "-r", capture, "-F", file];
    let (code, out, err) = run(&[&["capture"], &words[..]].concat());
    assert_eq!((code, out.as_str()), (0, tcpdump(&words).as_str()), "{err}");
    let (code, _, err) = run(&["capture", "-r", capture, "-F", "/nosuch/filter"]);
    assert_eq!(code, 1);
    assert!(err.contains("reading /nosuch/filter"), "{err}");
}

#[test]
fn lengths_stand_at_the_beginning() {
    let (_folder, capture) = capture();
    let capture = capture.to_str().expect("a path");
    let lines = |flags: &[&str]| {
        let (code, out, err) =
            run(&[&["capture", "-t", "-r", capture, "-s", "20"], flags].concat());
        assert_eq!(code, 0, "{err}");
        out
    };
    let frames = testbed::samples::all();
    let wanted = frames.iter().zip(1..).map(|(frame, number)| {
        let (bytes, wire_len) = frame;
        format!("{number:>5}  caplen {} len {wire_len} ", bytes.len().min(20))
    });
    let out = lines(&["--lengths", "--number"]);
    // The bytes of what no printer knows follow on lines of their own.
    let first: Vec<&str> = out.lines().filter(|line| !line.starts_with('\t')).collect();
    assert_eq!(first.len(), frames.len());
    for (line, beginning) in first.into_iter().zip(wanted) {
        assert!(line.starts_with(&beginning), "{line:?}, not {beginning:?}");
        assert!(line.len() > beginning.len());
    }
}

#[test]
fn lists_of_interfaces_and_types() {
    let (code, out, err) = run(&["capture", "-D"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(run(&["capture", "--list-interfaces"]).1, out);
    let numbers = out.lines().zip(1..).all(|(line, n)| line.starts_with(&format!("{n}.")));
    assert!(numbers, "{out}");
    let line = |end: &str| out.lines().find(|line| line.ends_with(end)).map(str::to_owned);
    let any = "any (Pseudo-device that captures on all interfaces) [Up, Running]";
    assert!(line(any).is_some(), "{out}");
    let loopback = line(".lo [Up, Running, Loopback]").expect("the loopback");
    let number = loopback.split('.').next().expect("a number");
    for name in ["lo", number] {
        let (code, out, err) = run(&["capture", "-L", "-i", name]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert_eq!(out, "Data link types for lo (use option -y to set):\n  EN10MB (Ethernet)\n");
        let (code, out, err) = run(&["capture", "-J", "-i", name]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert_eq!(out, "Time stamp types for lo (use option -j to set):\n  host (Host)\n");
    }
    assert_eq!(run(&["capture", "-L"]).0, 0);
    assert_eq!(run(&["capture", "-L", "-i", "nosuch0"]).0, 2);
    let (code, _, err) = run(&["capture", "-i", "999", "-c", "1"]);
    assert_eq!(code, 2);
    assert!(err.contains("-i 999: no such number; `probe capture -D` lists 1 to"), "{err}");
}

#[test]
fn a_capture_shows_the_code_of_its_filter() {
    let (_folder, capture) = capture();
    let capture = capture.to_str().expect("a path");
    let (code, out, err) = run(&["capture", "-ddd", "arp"]);
    assert_eq!((code, err.as_str()), (0, "Warning: assuming Ethernet\n"));
    assert_eq!(out, run(&["filter", "-ddd", "arp"]).1);
    let (_, raw, err) = run(&["capture", "-dd", "-y", "RAW", "udp"]);
    assert_eq!((raw, err), (run(&["filter", "--raw", "-dd", "udp"]).1, String::new()));
    assert_eq!(run(&["capture", "-d", "-r", capture, "udp"]).1, run(&["filter", "-d", "udp"]).1);
    // On an interface it is what would be attached there.
    let live = run(&["capture", "-d", "-i", "lo", "--hook", "tcx", "vlan 5"]);
    let filter = run(&["filter", "-d", "--hook", "tcx", "--vlan", "live", "vlan 5"]);
    assert_eq!(live, filter);
    assert_eq!(run(&["capture", "-d", "-i", "lo", "tcp prot 80"]).0, 2);
}

#[test]
fn a_capture_has_a_version() {
    let version = concat!(env!("CARGO_PKG_VERSION"), "\n");
    let (code, out, err) = run(&["capture", "--version"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("probe") && out.ends_with(version), "{out}");
}

#[test]
fn a_filter_shows_what_it_compiles_to() {
    let (code, out, err) = run(&["filter", "-d", "tcp port 80"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("exit"), "{out}");
    let (code, out, _) = run(&["filter", "-ddd", "arp"]);
    assert_eq!((code, out.as_str()), (0, "4\n40 0 0 12\n21 0 1 2054\n6 0 0 262144\n6 0 0 0\n"));
    let (code, out, _) = run(&["filter", "-dd", "arp"]);
    assert_eq!(code, 0);
    assert_eq!(out.lines().next(), Some("{ 0x28, 0, 0, 0x0000000c },"));
    let (code, out, _) = run(&["filter", "--explain", "arp"]);
    assert_eq!(code, 0);
    assert!(out.starts_with("a frame matches where: ARP\n\ncosts: "), "{out}");
    assert!(out.contains("length 42: Request who-has 192.0.2.2 tell 192.0.2.1"), "{out}");
}

#[test]
fn a_connection_in_a_file_is_diagnosed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.pcap");
    let [client, server] = [testbed::CLIENT_V4, testbed::SERVER_V4];
    let segment = |from_client: bool, flags: u8, sequence: u32, acknowledgment: u32| {
        let (from, to) = if from_client { (client, server) } else { (server, client) };
        let [source, destination] = if from_client { [40_000, 22] } else { [22, 40_000] };
        let tcp = testbed::Tcp {
            source,
            destination,
            sequence,
            acknowledgment,
            flags,
            ..Default::default()
        };
        let bytes = testbed::Frame::ipv4(from, to).tcp(tcp).build();
        let wire_len = bytes.len() as u32;
        (bytes, wire_len)
    };
    let (syn, ack) = (testbed::tcp_flags::SYN, testbed::tcp_flags::ACK);
    let handshake =
        [segment(true, syn, 10, 0), segment(false, syn | ack, 90, 11), segment(true, ack, 11, 91)];
    // A millisecond and a bit apart.
    samples::write(&path, &handshake);
    let path = path.to_str().expect("a path");
    let target = format!("{server}:22");
    let (code, out, err) = run(&["diagnose", "-r", path, &target]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out, "22/tcp OPEN: handshake 2.47 ms, no data, still open\n");
    let (code, out, err) =
        run(&["diagnose", "-r", path, "--format", "json", &format!("{server}:23")]);
    assert_eq!((code, err.as_str()), (1, ""));
    let object: serde_json::Value = serde_json::from_str(&out).expect("an object");
    assert_eq!(object["verdict"], "UNCLEAR");
    assert_eq!(
        object["evidence"],
        format!("no connection to {server} at this port was seen at {path}")
    );
    assert!(object["outcome"].is_null() && object["syn_synack_us"].is_null());
}
