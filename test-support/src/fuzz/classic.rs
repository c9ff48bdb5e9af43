//! Any filter and any frame: classic BPF, as the kernel checks and runs it, says what the
//! evaluator says.

use probe_filter::cbpf::{self, MATCH};
use probe_filter::ir::Test;
use probe_filter::{Filter, Frame, LinkType, Options, VlanTag, VlanView, compile};

use crate::classic::Machine;

/// What ends the filter's text in an input.
const END_OF_TEXT: u8 = b'\n';
/// Classic BPF follows a chain of 16 headers (see [`cbpf::generate`]), the evaluator one of
/// any length. A header of a chain takes 8 bytes at least, so that here are no more.
const CHAINED: usize = 16 * 8;

/// An input, taken apart.
struct Input<'a> {
    settings: u8,
    text: &'a str,
    frame: &'a [u8],
}

/// An input of these parts: settings in bits (raw IP, live, a tag beside the frame, sent, and
/// above these how much longer than its capture the frame was), the filter, the frame.
pub fn input(settings: u8, text: &str, frame: &[u8]) -> Vec<u8> {
    [&[settings], text.as_bytes(), &[END_OF_TEXT], frame].concat()
}

/// Compiles the input's filter both ways and asks both about the input's frame. Says whether
/// it came to that, and whether the frame matched.
pub fn run(data: &[u8]) -> Option<bool> {
    let input = Input::of(data)?;
    let options = input.options();
    let filter = compile(input.text, &options).ok()?;
    let program = cbpf::generate(filter.graph()).ok()?;
    let machine = Machine::new(&program.instructions)
        .unwrap_or_else(|error| panic!("the kernel refuses {:?}: {error}\n{program}", input.text));
    let frame = input.frame(&filter, &options);
    let (verdict, expected) = (machine.run(&frame), filter.matches(&frame));
    assert_eq!(
        verdict,
        if expected { MATCH } else { 0 },
        "{:?} on {frame:02x?}\n{program}",
        input.text
    );
    Some(expected)
}

impl<'a> Input<'a> {
    fn of(data: &'a [u8]) -> Option<Self> {
        let (&settings, rest) = data.split_first()?;
        let end = rest.iter().position(|&byte| byte == END_OF_TEXT)?;
        let text = std::str::from_utf8(rest.get(..end)?).ok()?;
        Some(Self { settings, text, frame: rest.get(end + 1..)? })
    }

    fn bit(&self, bit: u8) -> bool {
        self.settings >> bit & 1 == 1
    }

    fn options(&self) -> Options<'static> {
        Options::default()
            .link(if self.bit(0) { LinkType::Raw } else { LinkType::Ethernet })
            .vlan(if self.bit(1) { VlanView::Live } else { VlanView::AsFrame })
            .netmask(0xffff_ff00)
            .direction(true)
            .ifindex(2)
    }

    /// The frame as this filter is to see it.
    fn frame(&self, filter: &Filter, options: &Options<'_>) -> Frame<'a> {
        let mut bytes = self.frame;
        let mut vlan = None;
        if options.vlan == VlanView::Live
            && self.bit(2)
            && let Some((&[kind, high, low], rest)) = bytes.split_first_chunk()
        {
            let tpid = if kind & 1 == 0 { 0x8100 } else { 0x88a8 };
            vlan = Some(VlanTag { tpid, tci: u16::from_be_bytes([high, low]) });
            bytes = rest;
        }
        let follows = |test: &Test| matches!(test, Test::Chain { .. });
        if filter.graph().nodes().iter().any(|node| follows(&node.test)) {
            bytes = &bytes[..bytes.len().min(CHAINED)];
        }
        let cut_off = u32::from(self.settings >> 4) * 100;
        let wire_len = bytes.len() as u32 + cut_off;
        Frame { bytes, wire_len, vlan, outbound: Some(self.bit(3)) }
    }
}
