use probe_filter::ebpf::{Flavour, Kernel, Rule, StateLayout, Target, generate};
use probe_filter::ir::{LinkType, VlanView};
use probe_filter::{Options, compile};
fn main() {
    let file = std::env::args().nth(1).unwrap();
    let only: Vec<String> = std::env::args().skip(2).collect();
    let text = if file == "-" { String::new() } else { std::fs::read_to_string(&file).unwrap() };
    let mut filters: Vec<String> = text
        .lines()
        .filter_map(|l| l.strip_prefix("filter = "))
        .map(|l| l[1..l.len() - 1].to_string())
        .collect();
    filters.extend(only);
    for (flavour, vlan) in [
        (Flavour::Xdp, VlanView::AsFrame),
        (Flavour::Xdp, VlanView::Live),
        (Flavour::Skb, VlanView::AsFrame),
        (Flavour::Skb, VlanView::Live),
    ] {
        let start = std::time::Instant::now();
        let compiled: Vec<_> = filters
            .iter()
            .map(|f| compile(f, &Options { vlan, ..Options::default() }).unwrap())
            .collect();
        let c = start.elapsed();
        let rules: Vec<_> =
            compiled.iter().map(|f| Rule { graph: f.graph(), pending_bit: None }).collect();
        let layout = StateLayout {
            rules: 1024,
            rule_size: 16,
            rules_len: 1024,
            pending: 16,
            scratch: 64,
            scratch_len: 64,
        };
        let target = Target {
            flavour,
            vlan,
            link: LinkType::Ethernet,
            kernel: Kernel::release(6, 18),
            layout,
        };
        let start = std::time::Instant::now();
        let p = generate(&rules, &target);
        println!(
            "{flavour:?} {vlan:?} compile {c:?} generate {:?} nodes {}: {}",
            start.elapsed(),
            compiled.iter().map(|f| f.graph().nodes().len()).sum::<usize>(),
            p.map_or_else(|e| e.to_string(), |p| format!("{:?}", p.stats))
        );
    }
}
