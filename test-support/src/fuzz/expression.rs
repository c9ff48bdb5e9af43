//! Any text: the compiler accepts or refuses it, in bounded time and memory, and an
//! error's span lies within the text.

use probe_filter::{LinkType, Options, VlanView, compile};

/// Compiles the input in every setting.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for link in LinkType::ALL {
        for vlan in [VlanView::AsFrame, VlanView::Live] {
            let options = Options::default().link(link).vlan(vlan).direction(true);
            match compile(text, &options) {
                Ok(filter) => assert!(filter.graph().nodes().len() < 1 << 20),
                Err(error) => {
                    assert!(error.span().end <= text.len());
                    // What is said does not depend on the setting, and takes longer than to refuse.
                    if options.link == LinkType::Ethernet && options.vlan == VlanView::Live {
                        assert!(!error.to_string().is_empty());
                    }
                }
            }
        }
    }
}
