//! `probe` as Wireshark calls it to ask what there is: answers on standard output, mistakes on
//! standard error, and no rights needed. (`live/extcap.rs` has the captures.)

use std::process::Command;

/// Runs it; its exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let program = env!("CARGO_BIN_EXE_probe");
    let output = Command::new(program).args(arguments).output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    let code = output.status.code().expect("it ended by itself");
    (code, text(output.stdout), text(output.stderr))
}

#[test]
fn it_answers_with_and_without_the_subcommand() {
    let version = concat!("extcap {version=", env!("CARGO_PKG_VERSION"), "}{display=probe}\n");
    assert_eq!(run(&["--extcap-version"]), (0, version.into(), String::new()));
    for arguments in [
        &["--extcap-interfaces", "--extcap-version=4.0"][..],
        &["--extcap-dlts", "--extcap-interface", "probe-lo"],
        &["--extcap-interface", "probe-lo", "--extcap-config"],
        &["--extcap-capture-filter", "tcp prot", "--extcap-interface", "probe-any"],
    ] {
        let (code, out, err) = run(arguments);
        assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}");
        assert!(!out.is_empty(), "{arguments:?}");
        assert_eq!(run(&[&["extcap"], arguments].concat()), (0, out, err), "{arguments:?}");
    }
}

#[test]
fn each_line_is_a_sentence_of_the_grammar() {
    let config = ["--extcap-config", "--extcap-interface", "probe-lo"];
    for arguments in [&["--extcap-interfaces"][..], &config] {
        let (_, out, _) = run(arguments);
        for line in out.lines() {
            let (kind, values) = line.split_once(' ').expect(line);
            assert!(["extcap", "interface", "arg", "value"].contains(&kind), "{line}");
            let inner = values.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            for value in inner.expect(line).split("}{") {
                let (key, value) = value.split_once('=').expect(line);
                assert!(key.chars().all(|c| c.is_ascii_lowercase()), "{line}");
                assert!(!value.is_empty() && !value.contains(['{', '}']), "{line}");
            }
        }
    }
}

#[test]
fn mistakes_are_code_2() {
    let capture = ["--capture", "--extcap-interface", "probe-lo", "--fifo", "nosuch"];
    for (arguments, expected) in [
        (&["extcap"][..], "`probe extcap --help` explains how to install it"),
        (&["--extcap-nosuch"], "unexpected argument '--extcap-nosuch'"),
        (&["--extcap-dlts", "--extcap-interface", "probe-nosuch0"], "no interface is named"),
        (&["--extcap-config", "--extcap-interface", "lo"], "names begin with probe-"),
        (&["--capture", "--extcap-interface", "probe-lo"], "--fifo <PIPE>"),
        (&["--extcap-interface", "probe-lo"], "or --capture with it"),
        (&[&capture[..], &["--hook", "xdp", "--direction", "out"]].concat(), "use --hook tcx"),
        (
            &[&capture[..], &["--extcap-capture-filter", "tcp prot"]].concat(),
            "tcp prot\n      ^^^^",
        ),
    ] {
        let (code, out, err) = run(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {err}");
        assert!(err.contains(expected), "{arguments:?}: {err}");
    }
    assert!(!std::path::Path::new("nosuch").exists());
}

#[test]
fn the_help_says_how_to_install_it() {
    let (code, out, _) = run(&["extcap", "--help"]);
    assert_eq!(code, 0);
    for part in
        ["ln -s", "setcap cap_bpf,cap_net_admin,cap_net_raw,cap_perfmon+ep", "tshark -G folders"]
    {
        assert!(out.contains(part), "{part}: {out}");
    }
}
