//! The evaluator: a [`Graph`] run over a frame in user space. It is the reference
//! that the generated code is held against, so it stays as plain as the definition.

use crate::chain::{
    AUTHENTICATION, IPV4_HEADER_LENGTH, IPV4_PROTOCOL, IPV6_EXTENSIONS, IPV6_HEADER_BYTES,
    IPV6_NEXT_HEADER, NO_NEXT_HEADER,
};
use crate::flow_hash::NO_FLOW;
use crate::ir::{Alu, ChainKind, Compare, Frame, Graph, Meta, Target, Test, Value, ValueId, Width};
use crate::key::KEY_WORDS;

/// A load past the captured bytes, or a division by zero.
pub(crate) struct Trap;

/// Whether the graph matches the frame.
pub fn matches(graph: &Graph, frame: &Frame<'_>) -> bool {
    Evaluation { graph, frame, vars: vec![0; graph.vars() as usize] }.run().unwrap_or(false)
}

/// The words of the frame's key, where the graph matches it and has a key.
pub fn key(graph: &Graph, frame: &Frame<'_>) -> Option<[u32; KEY_WORDS]> {
    let mut evaluation = Evaluation { graph, frame, vars: vec![0; graph.vars() as usize] };
    if graph.key().is_empty() || !evaluation.run().unwrap_or(false) {
        return None;
    }
    let mut key = [0; KEY_WORDS];
    for (word, var) in key.iter_mut().zip(graph.key()) {
        *word = evaluation.vars[var.0 as usize];
    }
    Some(key)
}

/// The hash of the frame's connection, where the graph matches and was compiled to find it
/// ([`Options::flows`](crate::Options::flows)); [`NO_FLOW`] where the frame belongs to none.
pub fn flow(graph: &Graph, frame: &Frame<'_>) -> Option<u32> {
    let part = graph.flow()?;
    let mut evaluation = Evaluation { graph, frame, vars: vec![0; graph.vars() as usize] };
    if !evaluation.run().unwrap_or(false) {
        return None;
    }
    let found = evaluation.walk(part.entry).unwrap_or(false);
    Some(if found { evaluation.vars[part.hash.0 as usize] } else { NO_FLOW })
}

/// One value of a graph without variables; `None` is a trap.
#[cfg(test)]
pub(crate) fn compute(graph: &Graph, value: ValueId, frame: &Frame<'_>) -> Option<u32> {
    Evaluation { graph, frame, vars: Vec::new() }.value(value).ok()
}

struct Evaluation<'a> {
    graph: &'a Graph,
    frame: &'a Frame<'a>,
    vars: Vec<u32>,
}

impl Evaluation<'_> {
    fn run(&mut self) -> Result<bool, Trap> {
        self.walk(self.graph.entry())
    }

    fn walk(&mut self, entry: Target) -> Result<bool, Trap> {
        let mut at = entry;
        loop {
            let node = match at {
                Target::Match => return Ok(true),
                Target::NoMatch => return Ok(false),
                Target::Node(id) => &self.graph.nodes()[id.0 as usize],
            };
            for &(var, value) in &node.sets {
                self.vars[var.0 as usize] = self.value(value)?;
            }
            at = if self.test(node.test)? { node.yes } else { node.no };
        }
    }

    fn test(&self, test: Test) -> Result<bool, Trap> {
        match test {
            Test::Compare(compare, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                Ok(constant_compare(compare, left, right))
            }
            Test::Chain { kind, network_base, network, protocol } => {
                let base = network_base.map_or(Ok(0), |id| self.value(id))?;
                chain(self.frame.bytes, kind, base, network, protocol)
            }
        }
    }

    fn value(&self, id: ValueId) -> Result<u32, Trap> {
        match self.graph.get(id) {
            Value::Const(constant) => Ok(constant),
            Value::Load { width, base, displacement } => {
                let base = base.map_or(Ok(0), |id| self.value(id))?;
                load(self.frame.bytes, width, base, displacement)
            }
            Value::Meta(meta) => Ok(known(self.frame, meta)),
            Value::Var(var) => Ok(self.vars[var.0 as usize]),
            Value::Neg(id) => Ok(self.value(id)?.wrapping_neg()),
            Value::Alu(op, left, right) => alu(op, self.value(left)?, self.value(right)?),
        }
    }
}

/// What the kernel knows of a frame.
pub(crate) fn known(frame: &Frame<'_>, meta: Meta) -> u32 {
    match meta {
        Meta::WireLength => frame.wire_len,
        Meta::VlanPresent => u32::from(frame.vlan.is_some()),
        Meta::VlanTci => frame.vlan.map_or(0, |tag| tag.tci.into()),
        Meta::VlanTpid => frame.vlan.map_or(0, |tag| tag.tpid.into()),
        Meta::Outbound => u32::from(frame.outbound == Some(true)),
    }
}

/// Bytes of a frame, big-endian.
pub(crate) fn load(frame: &[u8], width: Width, base: u32, displacement: u32) -> Result<u32, Trap> {
    let start = (base as usize).checked_add(displacement as usize).ok_or(Trap)?;
    let bytes = frame.get(start..).ok_or(Trap)?;
    match width {
        Width::Byte => bytes.first().map(|&byte| byte.into()),
        Width::Half => bytes.first_chunk().map(|&bytes| u16::from_be_bytes(bytes).into()),
        Width::Word => bytes.first_chunk().map(|&bytes| u32::from_be_bytes(bytes)),
    }
    .ok_or(Trap)
}

/// The walk of libpcap's gen_protochain: `offset` counts from the IP header.
pub(crate) fn chain(
    frame: &[u8],
    kind: ChainKind,
    base: u32,
    network: u32,
    protocol: u32,
) -> Result<bool, Trap> {
    let byte = |offset: u32| load(frame, Width::Byte, base.wrapping_add(offset), network);
    let (mut next, mut offset) = match kind {
        ChainKind::Ipv4 => (byte(IPV4_PROTOCOL)?, 4 * (byte(IPV4_HEADER_LENGTH)? & 0xf)),
        ChainKind::Ipv6 => (byte(IPV6_NEXT_HEADER)?, IPV6_HEADER_BYTES),
    };
    loop {
        if next == protocol {
            return Ok(true);
        }
        let unit = match (kind, next) {
            (_, NO_NEXT_HEADER) => return Ok(false),
            (ChainKind::Ipv6, next) if IPV6_EXTENSIONS.contains(&next) => {
                let length = byte(offset.wrapping_add(1))?;
                (byte(offset)?, (length + 1) * 8)
            }
            (_, AUTHENTICATION) => {
                let length = byte(offset.wrapping_add(1))?;
                (byte(offset)?, (length + 2) * 4)
            }
            _ => return Ok(false),
        };
        next = unit.0;
        offset = offset.wrapping_add(unit.1);
    }
}

/// Arithmetic on constants; `None` is a trap.
pub(crate) fn constant_alu(op: Alu, left: u32, right: u32) -> Option<u32> {
    alu(op, left, right).ok()
}

/// A comparison of constants.
pub(crate) fn constant_compare(compare: Compare, left: u32, right: u32) -> bool {
    match compare {
        Compare::Eq => left == right,
        Compare::Gt => left > right,
        Compare::Ge => left >= right,
        Compare::Set => left & right != 0,
    }
}

pub(crate) fn alu(op: Alu, left: u32, right: u32) -> Result<u32, Trap> {
    Ok(match op {
        Alu::Add => left.wrapping_add(right),
        Alu::Sub => left.wrapping_sub(right),
        Alu::Mul => left.wrapping_mul(right),
        Alu::Div => left.checked_div(right).ok_or(Trap)?,
        Alu::Mod => left.checked_rem(right).ok_or(Trap)?,
        Alu::And => left & right,
        Alu::Or => left | right,
        Alu::Xor => left ^ right,
        Alu::Shl => left.checked_shl(right).unwrap_or(0),
        Alu::Shr => left.checked_shr(right).unwrap_or(0),
    })
}
