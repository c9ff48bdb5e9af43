//! Instructions that filters take, beside libpcap's own code after its optimiser: for
//! the expressions given, or for thirty common ones. `LIST=1` prints the eBPF code.
//!
//! eBPF has to prove bounds, count the match and say nothing back in nine more
//! instructions; classic BPF is the even comparison.

use pcap::{Capture, Linktype};
use probe_filter::ebpf::{Flavour, Kernel, Rule, StateLayout, Target, generate};
use probe_filter::ir::{LinkType, VlanView};
use probe_filter::{Options, cbpf, compile};

const COMMON: [&str; 30] = [
    "ip",
    "ip6",
    "arp",
    "tcp",
    "udp",
    "icmp",
    "port 80",
    "tcp port 80",
    "tcp dst port 443",
    "udp port 53",
    "portrange 6000-6010",
    "host 10.0.0.1",
    "src host 10.0.0.1",
    "dst net 192.168.0.0/16",
    "net 10.0.0.0/8 and not host 10.0.0.1",
    "ip6 host 2001:db8::1",
    "ether host 00:01:02:03:04:05",
    "ether broadcast",
    "ip multicast",
    "vlan 5",
    "vlan and tcp port 80",
    "tcp[tcpflags] = tcp-syn",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "tcp[tcpflags] & tcp-syn != 0 and dst port 80",
    "tcp[(tcp[12]>>2):4] = 0x47455420",
    "tcp[20:2]=0x4745 or tcp[20:2]=0x4854",
    "((port 25) and (tcp[(tcp[12]>>2):4] = 0x4d41494c))",
    "dst host 192.168.152.254 or 192.168.152.200",
    "greater 1000 and udp",
    "tcp port 80 or tcp port 443 or udp port 53",
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let common = COMMON.map(String::from).to_vec();
    println!("libpcap  classic  eBPF fast  eBPF all  loads  bytes  filter");
    for text in if arguments.is_empty() { common } else { arguments } {
        let options = Options { direction: true, ..Options::default() };
        let filter = compile(&text, &options).expect("a filter");
        let classic = cbpf::generate(filter.graph()).map(|program| program.instructions.len());
        let rule = Rule { graph: filter.graph(), pending_bit: None };
        let program = generate(&[rule], &target()).expect("code");
        let capture = Capture::dead(Linktype::ETHERNET).expect("a capture");
        let libpcap = capture.compile(&text, true).map(|code| code.get_instructions().len());
        let number = |count: Option<usize>| count.map_or("-".into(), |count| count.to_string());
        let stats = &program.stats;
        println!(
            "{:>7}  {:>7}  {:>9}  {:>8}  {:>5}  {:>5}  {text}",
            number(libpcap.ok()),
            number(classic.ok()),
            stats.fast_instructions,
            stats.instructions,
            stats.loads,
            stats.bytes
        );
        if std::env::var_os("LIST").is_some() {
            print!("{program}");
            if let Ok(classic) = cbpf::generate(filter.graph()) {
                print!("{classic}");
            }
        }
    }
}

fn target() -> Target {
    let layout = StateLayout {
        rules: 320,
        rule_size: 16,
        rules_len: 1024,
        pending: 16,
        scratch: 64,
        scratch_len: 32,
    };
    let kernel = Kernel::release(6, 18);
    Target {
        flavour: Flavour::Xdp,
        vlan: VlanView::AsFrame,
        link: LinkType::Ethernet,
        kernel,
        layout,
    }
}
