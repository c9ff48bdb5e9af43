//! A filter in words: the questions asked of a frame, and where each answer leads.

use std::fmt::Write as _;

use probe_filter::ir::{
    Alu, ChainKind, Compare, Graph, Meta, NodeId, Target, Test, Value, ValueId, Width,
};

/// The questions, numbered in the order in which they can come up.
pub(super) fn text(graph: &Graph) -> String {
    let Target::Node(NodeId(entry)) = graph.entry() else {
        return match graph.entry() {
            Target::NoMatch => "no frame matches\n".into(),
            _ => "every frame matches\n".into(),
        };
    };
    let mut out = String::new();
    // A node only leads to nodes with smaller ids, so that counting down is an order in
    // which every question comes after those that lead to it.
    for (index, node) in graph.nodes().iter().enumerate().take(entry as usize + 1).rev() {
        let number = entry as usize - index + 1;
        for (var, value) in &node.sets {
            let _ = writeln!(out, "{number:>4}  v{} = {}", var.0, expression(graph, *value));
        }
        let to = |target: Target| match target {
            Target::Match => "match".into(),
            Target::NoMatch => "no match".into(),
            Target::Node(NodeId(id)) => format!("{}", entry - id + 1),
        };
        let _ = match node.test {
            // What is compared with itself only serves to set variables.
            Test::Compare(Compare::Eq | Compare::Ge, left, right) if left == right => {
                writeln!(out, "{number:>4}  go to: {}", to(node.yes))
            }
            test => {
                let question = question(graph, test);
                writeln!(
                    out,
                    "{number:>4}  {question}?  yes: {}, no: {}",
                    to(node.yes),
                    to(node.no)
                )
            }
        };
    }
    out.push_str("bytes that the frame does not have, and divisions by zero: no match\n");
    out
}

fn question(graph: &Graph, test: Test) -> String {
    match test {
        Test::Compare(compare, left, right) => {
            let sign = match compare {
                Compare::Eq => "=",
                Compare::Gt => ">",
                Compare::Ge => ">=",
                Compare::Set => "has bits of",
            };
            format!("{} {sign} {}", expression(graph, left), expression(graph, right))
        }
        Test::Chain { kind, network_base, network, protocol } => {
            let version = match kind {
                ChainKind::Ipv4 => "IPv4",
                ChainKind::Ipv6 => "IPv6",
            };
            let at = place(graph, network_base, network);
            format!("does the {version} header chain at {at} lead to protocol {protocol}")
        }
    }
}

fn place(graph: &Graph, base: Option<ValueId>, displacement: u32) -> String {
    match (base, displacement) {
        (None, _) => displacement.to_string(),
        (Some(base), 0) => expression(graph, base),
        (Some(base), _) => format!("{} + {displacement}", expression(graph, base)),
    }
}

/// Operands have smaller ids than what is made of them, so that this ends.
fn expression(graph: &Graph, id: ValueId) -> String {
    match graph.get(id) {
        Value::Const(number) if number < 10 => number.to_string(),
        Value::Const(number) => format!("{number:#x}"),
        Value::Load { width, base, displacement } => {
            let size = match width {
                Width::Byte => "",
                Width::Half => ":2",
                Width::Word => ":4",
            };
            format!("frame[{}{size}]", place(graph, base, displacement))
        }
        Value::Meta(meta) => match meta {
            Meta::WireLength => "length on the wire".into(),
            Meta::VlanPresent => "has a VLAN tag".into(),
            Meta::VlanTci => "tag control information".into(),
            Meta::VlanTpid => "EtherType of the tag".into(),
            Meta::Outbound => "is being sent".into(),
        },
        Value::Var(var) => format!("v{}", var.0),
        Value::Neg(value) => format!("-({})", expression(graph, value)),
        Value::Alu(op, left, right) => {
            let sign = match op {
                Alu::Add => "+",
                Alu::Sub => "-",
                Alu::Mul => "*",
                Alu::Div => "/",
                Alu::Mod => "%",
                Alu::And => "&",
                Alu::Or => "|",
                Alu::Xor => "^",
                Alu::Shl => "<<",
                Alu::Shr => ">>",
            };
            format!("({} {sign} {})", expression(graph, left), expression(graph, right))
        }
    }
}

#[cfg(test)]
mod tests {
    use probe_filter::{Options, compile};

    use super::*;

    #[test]
    fn words() {
        let explained = |filter| text(compile(filter, &Options::default()).unwrap().graph());
        assert_eq!(explained(""), "every frame matches\n");
        let arp = explained("arp");
        assert!(arp.starts_with("   1  frame[12:2] = 0x806?  yes: match, no: no match\n"), "{arp}");
        // Every question that an answer leads to is there, further down.
        let syn = explained("@syn or udp port 53");
        let numbers: Vec<usize> =
            syn.lines().filter_map(|l| l.split_whitespace().next()?.parse().ok()).collect();
        for line in syn.lines().filter(|line| line.contains("yes: ")) {
            let own: usize = line.split_whitespace().next().unwrap().parse().unwrap();
            for answer in line.rsplit("?  ").next().unwrap().split(", ") {
                if let Ok(target) = answer.rsplit(": ").next().unwrap().parse::<usize>() {
                    assert!(target > own && numbers.contains(&target), "{line}");
                }
            }
        }
    }
}
