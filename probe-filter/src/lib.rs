//! tcpdump's filter language, compiled.
//!
//! [`compile`](fn@compile) turns pcap-filter(7) text into a [`Graph`](ir::Graph) of
//! predicates. The evaluator runs that graph over frames in user space; the back
//! ends translate it to eBPF and to classic BPF.
//!
//! ```text
//! text -> tokens -> tree -> predicate graph -> passes -> eBPF | classic BPF | evaluator
//! ```
//!
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod ast;
pub mod cbpf;
mod chain;
pub mod ebpf;
mod error;
pub mod eval;
mod example;
mod flow;
mod flow_hash;
mod hints;
pub mod ir;
mod key;
mod keywords;
mod labels;
mod lexer;
mod lower;
mod machine;
mod names;
mod parser;
mod passes;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod testing;
mod words;

use std::fmt;

pub use error::{Error, Span};
pub use example::{Example, example};
pub use flow_hash::{Flow, FlowSeed, NO_FLOW, flow_limit};
pub use hints::in_ascii;
pub use ir::{Frame, LinkType, VlanTag, VlanView};
pub use key::{KEY_WORDS, Key, KeyError, Prefix};
pub use machine::Machine;
pub use names::{NoNames, Port, Resolver, Service, SystemResolver, services};
pub use words::{Line, Words, explain};

/// What a filter is compiled for.
///
/// ```
/// use probe_filter::{LinkType, Options, SystemResolver, VlanView, compile};
///
/// let live = Options::default().vlan(VlanView::Live).direction(true).resolver(&SystemResolver);
/// assert!(compile("inbound and vlan 5", &live).is_ok());
/// let raw = Options::default().link(LinkType::Raw);
/// assert!(compile("ether host 02:00:00:00:00:01", &raw).is_err());
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Options<'a> {
    /// What the first bytes of a frame are.
    pub link: LinkType,
    /// Where the outermost VLAN tag is.
    pub vlan: VlanView,
    /// The IPv4 netmask of the link, for `ip broadcast`.
    pub netmask: Option<u32>,
    /// Whether frames come with their direction, for `inbound` and `outbound`.
    pub direction: bool,
    /// The number of the interface that all frames come from, for `ifindex`.
    pub ifindex: Option<u32>,
    /// Who knows names.
    pub resolver: &'a dyn Resolver,
    /// What connections are hashed with, where whole ones are sampled.
    pub flows: Option<FlowSeed>,
}

impl<'a> Options<'a> {
    /// What the first bytes of a frame are.
    #[must_use]
    pub fn link(self, link: LinkType) -> Self {
        Self { link, ..self }
    }

    /// Where the outermost VLAN tag is.
    #[must_use]
    pub fn vlan(self, vlan: VlanView) -> Self {
        Self { vlan, ..self }
    }

    /// The IPv4 netmask of the link, host byte order; without one `ip broadcast` is refused.
    #[must_use]
    pub fn netmask(self, netmask: impl Into<Option<u32>>) -> Self {
        Self { netmask: netmask.into(), ..self }
    }

    /// Whether frames come with their direction; without it `inbound` and `outbound` are refused.
    #[must_use]
    pub fn direction(self, direction: bool) -> Self {
        Self { direction, ..self }
    }

    /// The number of the interface that all frames come from; without one `ifindex` is refused.
    #[must_use]
    pub fn ifindex(self, ifindex: impl Into<Option<u32>>) -> Self {
        Self { ifindex: ifindex.into(), ..self }
    }

    /// Who knows names: [`SystemResolver`] asks this machine, and with it perhaps a name server.
    #[must_use]
    pub fn resolver(self, resolver: &'a dyn Resolver) -> Self {
        Self { resolver, ..self }
    }

    /// Compiles a filter that also finds the hash of each match's connection, by which whole
    /// connections are sampled: [`eval::flow`], [`Machine::flow`] and, in the programs,
    /// [`StateLayout::flows`](ebpf::StateLayout::flows) have it. It looks where the filter's last word looks, as a [`Key`]
    /// does.
    #[must_use]
    pub fn flows(self, seed: impl Into<Option<FlowSeed>>) -> Self {
        Self { flows: seed.into(), ..self }
    }
}

impl Default for Options<'_> {
    /// Frames of an Ethernet capture file, and no names: nobody is asked for them unless the
    /// caller says who ([`Options::resolver`]).
    fn default() -> Self {
        Self {
            link: LinkType::default(),
            vlan: VlanView::default(),
            netmask: None,
            direction: false,
            ifindex: None,
            resolver: &NoNames,
            flows: None,
        }
    }
}

/// Compiles a filter. The empty text matches every frame.
///
/// # Errors
/// If the text is not a filter, or asks for what the options do not know.
pub fn compile(text: &str, options: &Options<'_>) -> Result<Filter, Error> {
    compiled(text, None, options)
}

/// Compiles a filter for the frames that match the text and have the key. In the graph the key's
/// words are [`Graph::key`](ir::Graph::key).
///
/// # Errors
/// As [`compile`](fn@compile), and if frames of the link have no such key.
pub fn compile_keyed(text: &str, key: Key, options: &Options<'_>) -> Result<Filter, Error> {
    compiled(text, Some(key), options)
}

fn compiled(text: &str, key: Option<Key>, options: &Options<'_>) -> Result<Filter, Error> {
    let filter = || {
        let tokens = lexer::tokens(text)?;
        let tree = parser::parse(&tokens)?;
        lower::lower(&tree, key, options)
    };
    let (graph, notes) = filter().map_err(|error: Error| error.in_text(text))?;
    Ok(Filter { text: text.to_owned(), graph, notes })
}

/// The names of the macros, without their `@`.
pub fn macros() -> impl Iterator<Item = &'static str> {
    ast::Macro::ALL.iter().map(|name| name.name())
}

/// A compiled filter.
#[derive(Clone, Debug)]
pub struct Filter {
    text: String,
    graph: ir::Graph,
    notes: Vec<Note>,
}

impl Filter {
    /// What it was compiled from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it means.
    pub fn graph(&self) -> &ir::Graph {
        &self.graph
    }

    /// What may surprise the one who wrote it.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Whether the frame matches.
    pub fn matches(&self, frame: &Frame<'_>) -> bool {
        eval::matches(&self.graph, frame)
    }
}

/// A surprise in what a part of a filter means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    span: Span,
    message: &'static str,
}

impl Note {
    pub(crate) fn new(span: Span, message: &'static str) -> Self {
        Self { span, message }
    }

    /// The part of the text, in bytes.
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// What is surprising about it.
    pub fn message(&self) -> &'static str {
        self.message
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}
