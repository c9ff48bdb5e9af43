//! A filter in the middle of a program of one's own, in the kernel against the evaluator: the
//! program has its registers where it likes, and finds in them afterwards what it left there.

use probe_filter::ebpf::{Error, Flavour, Host, Insn, Kernel, Reg, inline};
use probe_filter::ir::{Frame, LinkType};
use probe_filter::testing::frames::{Rng, pool};
use probe_filter::{Filter, Options, compile};
use test_support::bpf::{self, Kind, Prog};
use test_support::expressions;

use crate::harness::kernel::{lengthen_for_skb, this_kernel};

const MARK: i32 = 0x0515_0515;

/// Loads the packet pointers, runs the filter, and returns 2 + its answer if the registers and the
/// stack are as before, else 1.
fn program(filter: &Filter, flavour: Flavour, kernel: Kernel) -> Result<Vec<u8>, Error> {
    let (context, data, data_end, mark) = (Reg(6), Reg(9), Reg(8), Reg(7));
    let (stack, frame_pointer, result) = (-16, Reg(10), Reg(3));
    let mut host = Host::new(flavour);
    (host.context, host.data, host.data_end) = (context, data, data_end);
    (host.result, host.kernel, host.stack) = (result, kernel, stack);
    host.keep = &[Reg(6), Reg(7), Reg(8), Reg(9)];
    let field = if flavour == Flavour::Xdp { 0 } else { 76 };
    let mut code = vec![
        Insn::new(0xbf, context, Reg(1), 0, 0),           // r6 = r1
        Insn::new(0x61, data, context, field, 0),         // r9 = context->data
        Insn::new(0x61, data_end, context, field + 4, 0), // r8 = context->data_end
        Insn::new(0xb7, mark, Reg(0), 0, MARK),           // r7 = MARK
        Insn::new(0x7b, frame_pointer, mark, -8, 0),      // *(u64 *)(r10 - 8) = r7
        Insn::new(0x7b, frame_pointer, mark, -16, 0),     // *(u64 *)(r10 - 16) = r7
    ];
    code.extend(inline(filter.graph(), &host)?);
    code.extend([
        Insn::new(0xb7, Reg(0), Reg(0), 0, 1),          // r0 = 1
        Insn::new(0x55, mark, Reg(0), 10, MARK),        // if r7 != MARK goto out
        Insn::new(0x79, Reg(1), frame_pointer, -8, 0),  // r1 = *(u64 *)(r10 - 8)
        Insn::new(0x5d, Reg(1), mark, 8, 0),            // if r1 != r7 goto out
        Insn::new(0x79, Reg(1), frame_pointer, -16, 0), // r1 = *(u64 *)(r10 - 16)
        Insn::new(0x5d, Reg(1), mark, 6, 0),            // if r1 != r7 goto out
        Insn::new(0x61, Reg(1), context, field + 4, 0), // r1 = context->data_end
        Insn::new(0x5d, Reg(1), data_end, 4, 0),        // if r1 != r8 goto out
        Insn::new(0x61, Reg(1), context, field, 0),     // r1 = context->data
        Insn::new(0x5d, Reg(1), data, 2, 0),            // if r1 != r9 goto out
        Insn::new(0xb7, Reg(0), Reg(0), 0, 2),          // r0 = 2
        Insn::new(0x0f, Reg(0), result, 0, 0),          // r0 += r3
        Insn::new(0x95, Reg(0), Reg(0), 0, 0),          // out: exit
    ]);
    Ok(code.into_iter().flat_map(Insn::to_bytes).collect())
}

/// Returns how many matches there were.
fn check(text: &str, flavour: Flavour, kernel: Kernel, frames: &[Vec<u8>]) -> Result<usize, Error> {
    let options = Options::default();
    let filter = compile(text, &options).expect(text);
    let kind = if flavour == Flavour::Xdp { Kind::Xdp } else { Kind::Skb };
    let program = Prog::load(kind, &program(&filter, flavour, kernel)?)
        .unwrap_or_else(|error| panic!("{flavour:?}, {text}: {error}"));
    let mut matches = 0;
    for bytes in frames.iter().filter(|bytes| (15..3000).contains(&bytes.len())) {
        let mut bytes = bytes.clone();
        if flavour == Flavour::Skb {
            lengthen_for_skb(&mut bytes);
        }
        let wire_len = bytes.len() as u32;
        let frame = Frame { bytes: &bytes, wire_len, vlan: None, outbound: Some(false) };
        let run = program.run(&bytes, None, 1).expect("a test run");
        let expected = filter.matches(&frame);
        matches += usize::from(expected);
        assert_eq!(run.verdict, 2 + u32::from(expected), "{flavour:?}, {text} on {bytes:02x?}");
    }
    Ok(matches)
}

#[test]
fn a_filter_in_a_program_of_ones_own() {
    if !bpf::available() {
        return;
    }
    const TEXTS: [&str; 10] = [
        "",
        "tcp port 80",
        "@syn or @dns",
        "payload[len - len:2] > 0x4000",
        "len > 80 and not vlan",
        "ip6 and not ip6 host ::1 or arp[7] = 1",
        "ether[ether[0:4]+0x20000000] >= 0",
        "tcp[ip[8]:2] + udp[0:2] * 3 & ether[12] != 5",
        "vlan and tcp or mpls",
        "host 10.0.0.1 or net 192.168.0.0/16 or ip6 host fe80::1",
    ];
    let frames = pool(LinkType::Ethernet, 81, 300);
    let (mut rng, mut matches, mut refused) = (Rng::new(82), 0, 0);
    for kernel in [this_kernel(), Kernel::default()] {
        for flavour in [Flavour::Xdp, Flavour::Skb] {
            for text in TEXTS {
                let one = check(text, flavour, kernel, &frames);
                matches += one.unwrap_or_else(|error| panic!("{text}: {error}"));
            }
            for _ in 0..60 {
                let text = expressions::filter(&mut rng);
                let options = Options::default();
                if compile(&text, &options).is_err() {
                    continue;
                }
                match check(&text, flavour, kernel, &frames[..80]) {
                    Ok(more) => matches += more,
                    Err(Error::HeaderChain) => assert!(text.contains("protochain"), "{text}"),
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(matches > 2000, "{matches} matches");
    assert!(refused < 10, "{refused} filters did not fit");
}

#[test]
fn a_host_without_room_is_told() {
    let filter = compile("tcp", &Options::default()).expect("a filter");
    for stack in [-500, -4, 8] {
        let mut host = Host::new(Flavour::Xdp);
        host.stack = stack;
        let error = inline(filter.graph(), &host).expect_err("no room");
        assert_eq!(error, Error::NoStack { bytes: Host::STACK });
    }
}
