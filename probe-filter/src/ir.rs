//! The predicate graph: what a filter means, with the syntax gone.
//!
//! A [`Graph`] is a directed acyclic graph of [`Node`]s. Each node computes values,
//! tests them, and goes on to one of two targets; the walk ends in
//! [`Target::Match`] or [`Target::NoMatch`].
//!
//! The meaning is that of libpcap's unoptimised code, and every pass and back end
//! keeps it:
//! - arithmetic is 32-bit unsigned and wraps;
//! - a load that reaches past the captured bytes, and a division or remainder by
//!   zero, end the whole graph with [`Target::NoMatch`] at the node that gets there.
//!   Such a *trap* is part of the meaning: a pass may drop a load only where it is
//!   known to be in bounds;
//! - multi-byte loads are big-endian.

use rustc_hash::FxHashMap;

pub use probe_frame::{LinkType, VlanTag};

/// A value in [`Graph::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub u32);

/// A node in [`Graph::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// A 32-bit scratch variable of one graph, 0 when the graph starts. Needed where a
/// value depends on the path taken (a VLAN tag or a tunnel moves all that follows).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Var(pub u32);

/// Width of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Width {
    /// One byte.
    Byte,
    /// Two bytes, big-endian.
    Half,
    /// Four bytes, big-endian.
    Word,
}

impl Width {
    /// Bytes that the load reads.
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Byte => 1,
            Self::Half => 2,
            Self::Word => 4,
        }
    }
}

/// Arithmetic, 32-bit unsigned, wrapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Alu {
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
    /// Quotient; traps on zero.
    Div,
    /// Remainder; traps on zero.
    Mod,
    /// Bitwise and.
    And,
    /// Bitwise or.
    Or,
    /// Bitwise exclusive or.
    Xor,
    /// Shift left; 0 where the distance is 32 or more.
    Shl,
    /// Logical shift right; 0 where the distance is 32 or more.
    Shr,
}

/// What the kernel knows of a frame besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Meta {
    /// Length of the frame on the wire in bytes, as presented (see [`Frame`]).
    WireLength,
    /// 1 where a VLAN tag is held outside the frame, else 0 (`SKF_AD_VLAN_TAG_PRESENT`).
    VlanPresent,
    /// Tag control information of that tag (`SKF_AD_VLAN_TAG`); 0 without one.
    VlanTci,
    /// EtherType of that tag (`SKF_AD_VLAN_TPID`); 0 without one.
    VlanTpid,
    /// 1 where the frame is being sent, else 0.
    Outbound,
}

/// How a 32-bit value is computed. Operands always have smaller ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// A constant.
    Const(u32),
    /// Bytes of the frame at `base + displacement`. Traps where the sum, computed
    /// without wrapping, reaches past the captured bytes.
    Load {
        /// Bytes to read.
        width: Width,
        /// The variable part of the position; `None` for zero.
        base: Option<ValueId>,
        /// The constant part of the position.
        displacement: u32,
    },
    /// Knowledge of the kernel.
    Meta(Meta),
    /// The variable's value at the time the node is evaluated.
    Var(Var),
    /// Arithmetic on two values.
    Alu(Alu, ValueId, ValueId),
    /// Two's complement negation.
    Neg(ValueId),
}

impl Value {
    /// The same with other operands.
    pub(crate) fn map(self, mut operand: impl FnMut(ValueId) -> ValueId) -> Self {
        match self {
            Self::Const(_) | Self::Meta(_) | Self::Var(_) => self,
            Self::Load { width, base, displacement } => {
                Self::Load { width, base: base.map(operand), displacement }
            }
            Self::Alu(op, left, right) => {
                let left = operand(left);
                Self::Alu(op, left, operand(right))
            }
            Self::Neg(id) => Self::Neg(operand(id)),
        }
    }
}

/// A comparison, unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Compare {
    /// Equal.
    Eq,
    /// Left greater than right.
    Gt,
    /// Left greater than or equal to right.
    Ge,
    /// Left and right have a bit in common.
    Set,
}

/// The header chain that `protochain` walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChainKind {
    /// From an IPv4 header: authentication headers are walked over.
    Ipv4,
    /// From an IPv6 header: hop-by-hop, routing, fragment, destination options and
    /// authentication headers are walked over.
    Ipv6,
}

/// What a node asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Test {
    /// A comparison of two values.
    Compare(Compare, ValueId, ValueId),
    /// Whether a header chain leads to a protocol, with libpcap's steps (gen_protochain):
    /// `next` and `offset` are the state before the first header; each step either
    /// ends the walk or moves `offset` forward by at least 8 bytes, so it always ends.
    Chain {
        /// Which headers are walked over.
        kind: ChainKind,
        /// Frame offset of the IP header, variable part.
        network_base: Option<ValueId>,
        /// Frame offset of the IP header, constant part.
        network: u32,
        /// The protocol number asked for.
        protocol: u32,
    },
}

/// Where a node leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// On to another node.
    Node(NodeId),
    /// The frame matches.
    Match,
    /// The frame does not match.
    NoMatch,
}

/// One predicate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// Variables assigned before the test, in order.
    pub sets: Vec<(Var, ValueId)>,
    /// The question.
    pub test: Test,
    /// Where it leads if the answer is yes.
    pub yes: Target,
    /// Where it leads if the answer is no.
    pub no: Target,
}

/// A part of a graph that many filters have in common: nodes that find something out and
/// leave it in the variables of [`Graph::findings`]. A program for many filters runs such a
/// part once for all of them; whoever does not care walks through it as through all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Where it is entered.
    pub entry: NodeId,
    /// Where it leads once it has found what it looks for.
    pub yes: Target,
    /// Where it leads if it has not.
    pub no: Target,
}

/// One filter. Acyclic by construction: a node only leads to nodes with smaller ids.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    values: Vec<Value>,
    known: FxHashMap<Value, ValueId>,
    nodes: Vec<Node>,
    vars: u32,
    entry: Option<Target>,
    findings: Vec<Var>,
    regions: Vec<Region>,
    key: Vec<Var>,
    key_len: usize,
    flow: Option<FlowPart>,
}

/// The part of a graph that is walked behind a match, and finds out by which hash the frame's connection is
/// sampled. It changes nothing of the match, and nothing of the graph leads into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowPart {
    /// Where it is entered. It ends in [`Target::Match`] where the frame belongs to a connection.
    pub entry: Target,
    /// How many of the graph's first nodes it has.
    pub nodes: usize,
    /// The variable that holds the hash then.
    pub hash: Var,
}

impl Graph {
    /// An empty graph, which matches every frame until [`set_entry`](Self::set_entry).
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The id of a value; equal values share one.
    pub(crate) fn value(&mut self, value: Value) -> ValueId {
        if let Some(&id) = self.known.get(&value) {
            return id;
        }
        let id = ValueId(self.values.len() as u32);
        self.values.push(value);
        self.known.insert(value, id);
        id
    }

    pub(crate) fn var(&mut self) -> Var {
        self.vars += 1;
        Var(self.vars - 1)
    }

    /// Adds a node. Its targets must already exist.
    ///
    /// # Panics
    /// If a target does not exist yet: that is a mistake in a pass, never in the input.
    pub(crate) fn node(&mut self, node: Node) -> Target {
        for target in [node.yes, node.no] {
            if let Target::Node(id) = target {
                assert!((id.0 as usize) < self.nodes.len(), "target before its node");
            }
        }
        self.nodes.push(node);
        Target::Node(NodeId(self.nodes.len() as u32 - 1))
    }

    /// Says which variables regions leave their findings in: in every graph in the same
    /// order. Nothing outside of regions sets them.
    pub(crate) fn set_findings(&mut self, findings: Vec<Var>) {
        self.findings = findings;
    }

    /// The variables that regions leave their findings in.
    pub fn findings(&self) -> &[Var] {
        &self.findings
    }

    pub(crate) fn mark(&mut self, region: Region) {
        self.regions.push(region);
    }

    /// The parts that other filters may have too.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// Says which variables hold the words of the key where the walk ends in a match.
    pub(crate) fn set_key(&mut self, words: Vec<Var>) {
        self.key = words;
    }

    /// The variables that hold the words of the frame's [`Key`](crate::Key) where the walk ends in
    /// a match; none if the graph has no key.
    pub fn key(&self) -> &[Var] {
        &self.key
    }

    /// Says that a frame may set so many of the first words of the key.
    pub(crate) fn set_key_len(&mut self, words: usize) {
        self.key_len = self.key_len.max(words);
    }

    /// How many of the first words of the key a frame may set: the others are 0.
    pub fn key_len(&self) -> usize {
        self.key_len
    }

    /// Says where the part begins that finds the hash of the frame's connection: all nodes so far are its.
    pub(crate) fn set_flow(&mut self, entry: Target, hash: Var) {
        self.flow = Some(FlowPart { entry, nodes: self.nodes.len(), hash });
    }

    /// What finds the hash by which whole connections are sampled, if the filter was compiled for that.
    pub fn flow(&self) -> Option<FlowPart> {
        self.flow
    }

    /// Says where the walk starts.
    pub(crate) fn set_entry(&mut self, entry: Target) {
        self.entry = Some(entry);
    }

    /// Where the walk starts.
    pub fn entry(&self) -> Target {
        self.entry.unwrap_or(Target::Match)
    }

    /// How a value is computed.
    pub fn get(&self, id: ValueId) -> Value {
        self.values[id.0 as usize]
    }

    /// All values, operands before their users.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// All nodes, targets before the nodes that lead to them.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Number of variables.
    pub fn vars(&self) -> u32 {
        self.vars
    }
}

/// Every frame is shorter than this: a load that ends there or beyond is known to trap before
/// any frame is seen. Capture files hold 262,144 bytes of a frame at most (libpcap's
/// MAXIMUM_SNAPLEN), Linux builds none longer than 524,280 bytes (GSO_MAX_SIZE, BIG TCP), and
/// the kernel's verifier follows packet offsets up to here (BPF_MAX_VAR_OFF).
pub const FRAME_LIMIT: u32 = 1 << 29;

/// One frame, as a filter sees it.
///
/// With [`VlanView::Live`] the outermost tag is not among `bytes` but in `vlan`,
/// as in the kernel's own packet sockets; with [`VlanView::AsFrame`] it is among
/// `bytes` and `vlan` is `None`, as in a file.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The captured bytes, fewer than [`FRAME_LIMIT`].
    pub bytes: &'a [u8],
    /// Length on the wire in bytes, at least `bytes.len()`.
    pub wire_len: u32,
    /// The tag held outside `bytes`.
    pub vlan: Option<VlanTag>,
    /// Whether the frame is being sent; `None` where that is not known.
    pub outbound: Option<bool>,
}

/// Where filters look for the outermost VLAN tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum VlanView {
    /// Among the frame's bytes, as in a capture file.
    #[default]
    AsFrame,
    /// In the kernel's metadata, as tcpdump does on a live Linux link.
    Live,
}
