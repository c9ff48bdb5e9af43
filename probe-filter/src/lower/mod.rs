//! Tree to predicate graph.
//!
//! What a primitive means depends on those before it: `vlan` moves the offsets of all
//! that follows in the text, `or` or not. So the tree is walked once, from front to
//! back, with the state that libpcap's code generator has at the same place.

mod address;
mod arithmetic;
mod build;
mod decnet;
mod ethernet;
mod flow;
mod ip;
mod key;
mod macros;
mod ports;
mod predicate;
mod primitive;
mod quotation;
mod tunnels;
mod walk;

use crate::ast::{Expression, Tree};
use crate::error::{Error, Span};
use crate::ir::{Graph, LinkType, Target, ValueId, Var};
use crate::key::Key;
use crate::{Note, Options};
pub use address::{decnet_address, dotted_address, left_justified, link_protocol, osi_protocol};
use predicate::{PredicateId, Predicates};
use quotation::Scopes;

/// The graph of a filter, and what is to be said about it. With a key, of the frames that match
/// and have the key.
pub fn lower(
    tree: &Tree,
    key: Option<Key>,
    options: &Options<'_>,
) -> Result<(Graph, Vec<Note>), Error> {
    let mut lowering = Lowering::new(tree, options);
    let mut predicates: Vec<Whole> = Vec::with_capacity(tree.expressions.len());
    // Where in each expression the offsets were moved, if they were.
    let mut moved: Vec<Option<Span>> = Vec::with_capacity(tree.expressions.len());
    let mut scopes = Scopes::of(tree);
    for (at, expression) in tree.expressions.iter().enumerate() {
        scopes.enter(&mut lowering, at);
        let (predicate, moves) = match expression {
            Expression::Primitive(primitive, span) => {
                lowering.span = span.clone();
                let predicate = lowering.primitive(primitive)?;
                (predicate, primitive.moves_offsets().then(|| span.clone()))
            }
            Expression::Not(of) => {
                let of_it = lowering.plain(predicates[of.0])?;
                (Whole::Plain(lowering.not(of_it)), moved[of.0].clone())
            }
            Expression::And(left, right) => {
                let moves = moved[right.0].clone().or(moved[left.0].clone());
                (lowering.join(predicates[left.0], predicates[right.0], Lowering::and)?, moves)
            }
            Expression::Or(left, right) => {
                if let Some(span) = &moved[left.0] {
                    lowering.span = span.clone();
                    lowering.note(AFTER_MOVE);
                }
                let moves = moved[right.0].clone().or(moved[left.0].clone());
                (lowering.join(predicates[left.0], predicates[right.0], Lowering::or)?, moves)
            }
        };
        scopes.leave(&mut lowering, at);
        predicates.push(predicate);
        moved.push(moves);
    }
    for span in &tree.mixed {
        lowering.span = span.clone();
        lowering.note(MIXED);
    }
    let mut whole = predicates.last().map(|&whole| lowering.plain(whole)).transpose()?;
    if let Some(key) = key {
        let (has_key, words) = lowering.key(key)?;
        whole = Some(whole.map_or(has_key, |whole| lowering.and(whole, has_key)));
        lowering.graph.set_key(words);
    }
    let flow = options.flows.map(|seed| lowering.flow(&seed)).transpose()?;
    let Lowering { mut graph, predicates: mut arena, notes, .. } = lowering;
    if let Some((found, hash)) = flow {
        let entry = arena.emit(found, &mut graph);
        graph.set_flow(entry, hash);
    }
    let entry = match whole {
        Some(whole) => arena.emit(whole, &mut graph),
        None => Target::Match,
    };
    graph.set_entry(entry);
    Ok((graph, notes))
}

const AFTER_MOVE: &str = "vlan, mpls, pppoes and geneve move what all later words look at, \
                          also after 'or': put the alternatives that are not inside first";
const MIXED: &str = "'and' and 'or' bind equally tight, from left to right: use parentheses";

/// Scratch registers of classic BPF. libpcap refuses an expression that needs more, so
/// they are counted here too.
const REGISTERS: usize = 16;

/// The state of the walk.
struct Lowering<'a> {
    tree: &'a Tree,
    options: &'a Options<'a>,
    graph: Graph,
    predicates: Predicates,
    notes: Vec<Note>,
    /// The primitive that is being lowered.
    span: Span,
    layers: Layers,
    /// Where the headers are outside of each quoted packet that is looked into, the outermost
    /// first.
    around: Vec<Layers>,
    registers_in_use: usize,
    terms: Vec<Option<arithmetic::Lowered>>,
    /// What the relation that is being lowered puts into variables, and the variables.
    parts: Vec<(Var, ValueId)>,
    part_vars: Vec<Var>,
    walk: Option<walk::Vars>,
}

/// What an expression has become.
#[derive(Clone, Copy, Debug)]
enum Whole {
    Plain(PredicateId),
    /// A question that is asked after the walk from these layers. Neighbours that need
    /// the same walk share it: `@get or @post` walks once.
    AfterWalk(Layers, PredicateId),
}

/// What the first bytes at [`Layers::link_header`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Ethernet,
    /// An IP header, which says itself of which version it is.
    Raw,
    /// An IPv4 header.
    Ipv4,
    /// An IPv6 header.
    Ipv6,
    /// Linux's cooked header, of the first form.
    Cooked,
    /// Of the second form.
    Cooked2,
    /// An address family of BSD.
    Bsd(FamilyOrder),
    /// PPP, inside PPPoE too.
    Ppp,
    /// PPP on links of which libpcap knows no MPLS.
    PppWithoutMpls,
}

/// The order of the bytes of an address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FamilyOrder {
    Little,
    Big,
}

/// A position in the frame: a constant, and a variable for what depends on the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    constant: u32,
    variable: Option<Var>,
}

impl Position {
    fn at(constant: u32) -> Self {
        Self { constant, variable: None }
    }

    fn plus(self, bytes: u32) -> Self {
        Self { constant: self.constant.wrapping_add(bytes), ..self }
    }
}

/// Where the headers are, given the tunnels and tags named so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layers {
    link: Link,
    link_header: Position,
    /// `None` where the link has no such field.
    link_type: Option<Position>,
    /// What follows the link header.
    payload: Position,
    /// From there to the network header.
    network: u32,
    /// The same with an LLC header between the two.
    network_after_llc: u32,
    vlan_tags: u32,
    mpls_labels: u32,
    inside_geneve: bool,
    /// Whether nothing but VLAN tags has moved the offsets.
    outermost: bool,
}

impl Layers {
    fn new(link: LinkType) -> Self {
        // Where the type field is, and what follows the header (init_linktype in gencode.c).
        let (link, link_type, payload) = match link {
            LinkType::Ethernet => (Link::Ethernet, Some(12), 14),
            LinkType::Raw => (Link::Raw, None, 0),
            LinkType::Ipv4 => (Link::Ipv4, None, 0),
            LinkType::Ipv6 => (Link::Ipv6, None, 0),
            LinkType::LinuxSll => (Link::Cooked, Some(14), 16),
            LinkType::LinuxSll2 => (Link::Cooked2, Some(0), 20),
            LinkType::Null => (Link::Bsd(FamilyOrder::Little), Some(0), 4),
            LinkType::Loop => (Link::Bsd(FamilyOrder::Big), Some(0), 4),
            LinkType::Ppp => (Link::Ppp, Some(2), 4),
            LinkType::PppSerial => (Link::PppWithoutMpls, Some(2), 4),
            LinkType::PppEther => (Link::PppWithoutMpls, Some(6), 8),
        };
        let network_after_llc = if link == Link::Ethernet { 3 } else { 0 };
        Self {
            link,
            link_header: Position::at(0),
            link_type: link_type.map(Position::at),
            payload: Position::at(payload),
            network: 0,
            network_after_llc,
            vlan_tags: 0,
            mpls_labels: 0,
            inside_geneve: false,
            outermost: true,
        }
    }

    /// Where the network header starts.
    fn network_header(&self) -> Position {
        self.payload.plus(self.network)
    }
}

impl<'a> Lowering<'a> {
    fn new(tree: &'a Tree, options: &'a Options<'a>) -> Self {
        Self {
            tree,
            options,
            graph: Graph::new(),
            predicates: Predicates::default(),
            notes: Vec::new(),
            span: 0..0,
            layers: Layers::new(options.link),
            around: Vec::new(),
            registers_in_use: 0,
            terms: vec![None; tree.terms.len()],
            parts: Vec::new(),
            part_vars: Vec::new(),
            walk: None,
        }
    }

    fn plain(&mut self, whole: Whole) -> Result<PredicateId, Error> {
        match whole {
            Whole::Plain(predicate) => Ok(predicate),
            Whole::AfterWalk(layers, question) => self.walked(layers, question),
        }
    }

    fn join(
        &mut self,
        left: Whole,
        right: Whole,
        join: impl Fn(&mut Self, PredicateId, PredicateId) -> PredicateId,
    ) -> Result<Whole, Error> {
        match (left, right) {
            (Whole::AfterWalk(from, left), Whole::AfterWalk(also, right)) if from == also => {
                Ok(Whole::AfterWalk(from, join(self, left, right)))
            }
            (left, right) => {
                let (left, right) = (self.plain(left)?, self.plain(right)?);
                Ok(Whole::Plain(join(self, left, right)))
            }
        }
    }

    fn error(&self, message: impl Into<String>) -> Error {
        Error::new(self.span.clone(), message)
    }

    /// Says something once.
    fn note(&mut self, message: &'static str) {
        if self.notes.iter().all(|note| note.message() != message) {
            self.notes.push(Note::new(self.span.clone(), message));
        }
    }

    fn take_register(&mut self) -> Result<(), Error> {
        if self.registers_in_use >= REGISTERS {
            let message = format!("more than {REGISTERS} values are needed at once");
            return Err(self.error(message));
        }
        self.registers_in_use += 1;
        Ok(())
    }

    fn free_register(&mut self) {
        self.registers_in_use -= 1;
    }
}
