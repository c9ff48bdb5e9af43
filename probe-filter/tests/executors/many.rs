//! Many rules in one program: they load, and what they cost is printed.
//! `cargo test --release --test many -- --nocapture` shows the table.

use std::time::Instant;

use probe_filter::ebpf::Flavour;
use probe_filter::ir::{Graph, VlanView};
use probe_filter::{Options, compile};
use test_support::bpf;

use crate::harness::kernel::{Loaded, Sent, generate, target, this_kernel};

const REPEAT: u32 = 200_000;

/// A TCP SYN to port 80 of 10.0.0.2, with options, 74 bytes.
fn syn() -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00];
    frame.extend([0x45, 0, 0, 60, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend([0xc0, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0xa0, 2, 0xfa, 0xf0, 0, 0, 0, 0]);
    frame.extend([0; 20]);
    frame
}

/// Rules as somebody might write them, different from each other.
fn mixed(count: usize) -> Vec<String> {
    (0..count)
        .map(|n| {
            let (high, low) = (n / 250, n % 250);
            match n % 12 {
                0 => format!("tcp port {}", 1000 + n),
                1 => format!("udp dst port {}", 1000 + n),
                2 => format!("host 10.1.{high}.{low}"),
                3 => format!("src net 10.{}.0.0/16 and tcp", n % 256),
                4 => format!("tcp[tcpflags] & tcp-syn != 0 and dst port {}", 1000 + n),
                5 => format!("ip6 host 2001:db8::{n:x}"),
                6 => format!("icmp and src host 10.2.{high}.{low}"),
                7 => format!("greater {} and udp", 60 + n),
                8 => format!("tcp[(tcp[12]>>2):4] = {:#x} and port {}", 0x4745_5420 + n, 1000 + n),
                9 => format!("ether src 02:00:00:00:{high:02x}:{low:02x}"),
                10 => format!("vlan {} and port {}", n % 4096, 1000 + n),
                _ => format!("not tcp and ip[8] = {} and len > {n}", n % 256),
            }
        })
        .collect()
}

fn rules(kind: &str, count: usize) -> Vec<String> {
    match kind {
        "port" => (0..count).map(|n| format!("port {}", 80 + n)).collect(),
        "tcp dst port" => (0..count).map(|n| format!("tcp dst port {}", 80 + n)).collect(),
        "syn" => {
            (0..count).map(|n| format!("tcp[tcpflags] = tcp-syn and dst port {}", 80 + n)).collect()
        }
        "@syn" => (0..count).map(|n| format!("@syn and dst port {}", 80 + n)).collect(),
        "@get" => (0..count).map(|n| format!("@get and src port {}", 80 + n)).collect(),
        "host" => (0..count).map(|n| format!("host 10.0.{}.{}", n / 250, 2 + n % 250)).collect(),
        _ => mixed(count),
    }
}

fn graphs(texts: &[String]) -> Vec<Graph> {
    let options = Options::default().direction(true);
    let graph = |text: &String| compile(text, &options).expect("a filter").graph().clone();
    texts.iter().map(graph).collect()
}

#[test]
fn cost_of_rules() {
    if !bpf::available() {
        return;
    }
    let frame = syn();
    let meta = frame.len() as u64;
    println!(
        "rules          number  hook  instructions  fast  text ms  code ms  load ms  ns/frame"
    );
    for kind in ["port", "tcp dst port", "syn", "@syn", "@get", "host", "mixed"] {
        for count in [0, 1, 8, 64, 512, 1024] {
            // No rule at all is what a test run costs.
            if count == 1024 && kind != "mixed" || count == 0 && kind != "port" {
                continue;
            }
            for (flavour, vlan) in [(Flavour::Xdp, VlanView::Live), (Flavour::Skb, VlanView::Live)]
            {
                let start = Instant::now();
                let graphs = graphs(&rules(kind, count));
                let text = start.elapsed();
                let start = Instant::now();
                let program = generate(&graphs, &target(flavour, vlan, this_kernel()));
                let program = program.unwrap_or_else(|error| panic!("{kind} {count}: {error}"));
                let code = start.elapsed();
                let start = Instant::now();
                let loaded = Loaded::link(&program, &graphs, flavour)
                    .unwrap_or_else(|error| panic!("{kind} {count}: {error}"));
                let load = start.elapsed();
                loaded.run(&Sent { bytes: &frame, meta, ..Sent::default() });
                let run = loaded.prog.run(&frame, None, REPEAT).expect("a test run");
                println!(
                    "{kind:<14} {count:>6}  {:<4}  {:>12}  {:>4}  {:>7.1}  {:>7.1}  {:>7.1}  {:>8}",
                    format!("{flavour:?}").to_lowercase(),
                    program.stats.instructions,
                    program.stats.fast_instructions,
                    text.as_secs_f64() * 1e3,
                    code.as_secs_f64() * 1e3,
                    load.as_secs_f64() * 1e3,
                    run.duration_ns,
                );
            }
        }
    }
}
