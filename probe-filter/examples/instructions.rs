//! Instructions that a filter takes on each hook, for the expressions given.
use probe_filter::ebpf::{Flavour, Kernel, Rule, StateLayout, Target, generate};
use probe_filter::ir::{LinkType, VlanView};
use probe_filter::{Options, compile};

fn main() {
    let layout = StateLayout {
        rules: 272,
        rule_size: 16,
        rules_len: 1024,
        pending: 0,
        scratch: 16,
        scratch_len: 32,
    };
    for text in std::env::args().skip(1) {
        let filter = compile(&text, &Options::default()).expect("a filter");
        let target = Target {
            flavour: Flavour::Xdp,
            vlan: VlanView::AsFrame,
            link: LinkType::Ethernet,
            kernel: Kernel::release(6, 18),
            layout,
        };
        let program =
            generate(&[Rule { graph: filter.graph(), pending_bit: None }], &target).expect("code");
        if std::env::var_os("LIST").is_some() {
            print!("{program}");
        }
        println!(
            "{} {} {text} ({} nodes)",
            program.stats.fast_instructions,
            program.stats.instructions,
            filter.graph().nodes().len()
        );
    }
}
