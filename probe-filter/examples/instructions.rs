//! Instructions that filters take, beside libpcap's own code after its optimiser: for
//! the expressions given, or for thirty common ones. `LIST=1` prints the eBPF code.
//!
//! "Run" is how many of them a frame executes on average, over 20,000 frames, valid and broken.
//! eBPF has to prove bounds, count the match and say nothing back in nine more
//! instructions; classic BPF is the even comparison.

use pcap::{BpfProgram, Capture, Linktype};
use probe_filter::Frame;
use probe_filter::cbpf::Instruction;
use probe_filter::ebpf::{Flavour, Kernel, Rule, StateLayout, Target, generate};
use probe_filter::ir::{LinkType, VlanView};
use probe_filter::testing::frames;
use probe_filter::{Options, cbpf, compile};
use test_support::classic::Machine;

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
    let frames = frames::pool(LinkType::Ethernet, 11, 20_000);
    println!(
        "libpcap  classic  run libpcap  run classic  eBPF fast  eBPF all  loads  bytes  filter"
    );
    for text in if arguments.is_empty() { common } else { arguments } {
        let options = Options::default().direction(true);
        let filter = compile(&text, &options).expect("a filter");
        let classic = cbpf::generate(filter.graph()).map(|program| program.instructions);
        let rule = Rule { graph: filter.graph(), pending_bit: None, key: None };
        let program = generate(&[rule], &target()).expect("code");
        let capture = Capture::dead(Linktype::ETHERNET).expect("a capture");
        let libpcap = capture.compile(&text, true).map(|code| instructions(&code));
        let both = [libpcap.ok(), classic.ok()];
        let column = |cell: fn(&[Instruction], &[Vec<u8>]) -> String| {
            let cells = both.each_ref().map(|code| code.as_ref().map(|code| cell(code, &frames)));
            cells.map(|cell| cell.unwrap_or("-".into()))
        };
        let ([libpcap, classic], [run_libpcap, run_classic]) =
            (column(|code, _| code.len().to_string()), column(executed));
        let stats = &program.stats;
        println!(
            "{libpcap:>7}  {classic:>7}  {run_libpcap:>11}  {run_classic:>11}  {:>9}  {:>8}  {:>5}  \
             {:>5}  {text}",
            stats.fast_instructions, stats.instructions, stats.loads, stats.bytes
        );
        if std::env::var_os("LIST").is_some() {
            print!("{program}");
            if let Ok(classic) = cbpf::generate(filter.graph()) {
                print!("{classic}");
            }
        }
    }
}

/// libpcap's code. The crate shows an instruction as its four numbers.
fn instructions(code: &BpfProgram) -> Vec<Instruction> {
    let shown = code.get_instructions().iter().map(ToString::to_string);
    let numbers = shown.map(|text| {
        let mut numbers = text.split(' ').map(|number| number.parse::<u32>().expect("a number"));
        [(); 4].map(|()| numbers.next().expect("four numbers"))
    });
    let instruction = |[code, jt, jf, k]: [u32; 4]| Instruction {
        code: code as u16,
        jt: jt as u8,
        jf: jf as u8,
        k,
    };
    numbers.map(instruction).collect()
}

/// Instructions that a frame executes on average.
fn executed(code: &[Instruction], frames: &[Vec<u8>]) -> String {
    let machine = Machine::new(code).expect("what the kernel takes");
    let mut executed = 0_u64;
    for bytes in frames {
        let wire_len = bytes.len() as u32;
        let frame = Frame { bytes, wire_len, vlan: None, outbound: None };
        machine.trace(&frame, |_| executed += 1);
    }
    format!("{:.2}", executed as f64 / frames.len() as f64)
}

fn target() -> Target {
    let layout = StateLayout {
        rules: 320,
        rule_size: 16,
        rules_len: 1024,
        pending: 16,
        keyed: 24,
        keys: 20_000,
        keys_len: 64,
        flows: 25_200,
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
