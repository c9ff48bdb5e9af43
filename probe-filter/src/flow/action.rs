//! What a block does.

use crate::ir::{ChainKind, Compare, ValueId, Var};

use super::BlockId;

/// What a block does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// A variable gets a value.
    Set {
        var: Var,
        value: ValueId,
        next: BlockId,
    },
    /// A comparison. With `yes == no` only the trap matters.
    Compare {
        compare: Compare,
        left: ValueId,
        right: ValueId,
        yes: BlockId,
        no: BlockId,
    },
    /// The walk along a header chain.
    Chain(Chain, BlockId, BlockId),
    /// One value against many constants, distinct and in ascending order.
    Switch {
        value: ValueId,
        cases: Vec<(u32, BlockId)>,
        default: BlockId,
    },
    /// What the rule of this index leaves for a match gets a value.
    Store {
        rule: u32,
        what: Left,
        value: ValueId,
        next: BlockId,
    },
    /// The rule of this index matches.
    Count {
        rule: u32,
        next: BlockId,
    },
    /// Nothing that is known or computed before holds after it: variables that are not
    /// kept ([`Flow::kept`](super::Flow)) are dead, and back ends start afresh. Bounds what
    /// the verifier has to remember.
    Boundary {
        next: BlockId,
    },
    End,
}

/// What a rule leaves beside its counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Left {
    /// This word of the key that it counts frames by.
    Key(u8),
    /// The hash of the frame's connection.
    Flow,
}

/// The operands of [`Test::Chain`](crate::ir::Test::Chain).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Chain {
    pub(crate) kind: ChainKind,
    pub(crate) network_base: Option<ValueId>,
    pub(crate) network: u32,
    pub(crate) protocol: u32,
}

impl Action {
    /// Calls `f` on every target.
    pub(crate) fn for_each_target(&self, mut f: impl FnMut(BlockId)) {
        match self {
            Self::Compare { yes, no, .. } | Self::Chain(_, yes, no) => {
                f(*yes);
                f(*no);
            }
            Self::Switch { cases, default, .. } => {
                cases.iter().for_each(|&(_, target)| f(target));
                f(*default);
            }
            Self::Set { next, .. }
            | Self::Store { next, .. }
            | Self::Count { next, .. }
            | Self::Boundary { next } => {
                f(*next);
            }
            Self::End => {}
        }
    }

    /// The values it computes.
    pub(crate) fn operands(&self) -> impl Iterator<Item = ValueId> + use<> {
        let [first, second] = match *self {
            Self::Set { value, .. } | Self::Store { value, .. } | Self::Switch { value, .. } => {
                [Some(value), None]
            }
            Self::Compare { left, right, .. } => [Some(left), Some(right)],
            Self::Chain(chain, ..) => [chain.network_base, None],
            Self::Count { .. } | Self::Boundary { .. } | Self::End => [None, None],
        };
        first.into_iter().chain(second)
    }

    /// The same with other values and targets.
    pub(crate) fn map(
        &self,
        mut value: impl FnMut(ValueId) -> ValueId,
        mut target: impl FnMut(BlockId) -> BlockId,
    ) -> Self {
        match self {
            &Self::Set { var, value: id, next } => {
                Self::Set { var, value: value(id), next: target(next) }
            }
            &Self::Store { rule, what, value: id, next } => {
                Self::Store { rule, what, value: value(id), next: target(next) }
            }
            &Self::Compare { compare, left, right, yes, no } => {
                let (left, right) = (value(left), value(right));
                Self::Compare { compare, left, right, yes: target(yes), no: target(no) }
            }
            &Self::Chain(chain, yes, no) => {
                let network_base = chain.network_base.map(value);
                Self::Chain(Chain { network_base, ..chain }, target(yes), target(no))
            }
            Self::Switch { value: id, cases, default } => Self::Switch {
                value: value(*id),
                cases: cases.iter().map(|&(case, to)| (case, target(to))).collect(),
                default: target(*default),
            },
            &Self::Count { rule, next } => Self::Count { rule, next: target(next) },
            &Self::Boundary { next } => Self::Boundary { next: target(next) },
            Self::End => Self::End,
        }
    }

    /// The same with other targets.
    pub(crate) fn retarget(&self, target: impl FnMut(BlockId) -> BlockId) -> Self {
        self.map(|value| value, target)
    }
}
