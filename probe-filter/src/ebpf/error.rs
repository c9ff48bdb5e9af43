//! Why a list of rules cannot be turned into one program.

use core::fmt;

/// Why a list of rules cannot be turned into one program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// More rules than the state has counters.
    TooManyRules {
        /// Rules given.
        rules: usize,
        /// Counters there are.
        counters: u32,
    },
    /// The state lies further away than an instruction can address.
    StateTooLarge,
    /// The state has no scratch memory.
    NoScratch,
    /// The host's stack is not a multiple of eight bytes away from the frame pointer, or has not
    /// so many bytes left.
    NoStack {
        /// Bytes of stack that the code takes.
        bytes: u32,
    },
    /// A walk along a header chain (`protochain`) cannot be a part of another program.
    HeaderChain,
    /// A rule needs more variables than stack and scratch memory hold.
    TooManyVariables {
        /// Index of the rule.
        rule: usize,
    },
    /// A rule nests arithmetic deeper than the stack holds.
    TooDeep {
        /// Index of the rule.
        rule: usize,
    },
    /// The bit for a sampled rule is not one of 64.
    PendingBit {
        /// Index of the rule.
        rule: usize,
    },
    /// More rules have a key than the state has room for.
    TooManyKeys {
        /// Index of the first rule that has none.
        rule: usize,
        /// Keys there is room for.
        keys: u32,
    },
    /// A jump is further than 16 bits, and the kernel (before 6.6) has no further ones.
    TooFar {
        /// Instructions.
        instructions: usize,
        /// Index of the rule with the most of them.
        rule: usize,
    },
    /// The program has more instructions than the kernel takes.
    TooLong {
        /// Instructions, this many or more.
        instructions: usize,
        /// Index of the rule with the most of them.
        rule: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooManyRules { rules, counters } => {
                write!(f, "{rules} rules, but one program counts at most {counters}")
            }
            Self::StateTooLarge => write!(f, "state lies beyond what an instruction addresses"),
            Self::NoStack { bytes } => {
                write!(f, "the code takes {bytes} bytes of stack, from a multiple of eight on")
            }
            Self::HeaderChain => write!(f, "protochain cannot be a part of another program"),
            Self::NoScratch => write!(f, "state without scratch memory"),
            Self::TooManyVariables { rule } => {
                write!(f, "rule {}: too many changes of offset (vlan, mpls, ...)", rule + 1)
            }
            Self::TooDeep { rule } => write!(f, "rule {}: arithmetic nested too deeply", rule + 1),
            Self::PendingBit { rule } => {
                write!(f, "rule {}: at most 64 rules can sample", rule + 1)
            }
            Self::TooManyKeys { rule, keys } => {
                write!(f, "rule {}: at most {keys} keys can be counted by", rule + 1)
            }
            Self::TooFar { instructions, rule } => write!(
                f,
                "{instructions} instructions, whose jumps are too far for a kernel before 6.6; \
                 most of them in rule {}",
                rule + 1
            ),
            Self::TooLong { instructions, rule } => write!(
                f,
                "{instructions} instructions or more, too many for the kernel; most of them \
                 in rule {}",
                rule + 1
            ),
        }
    }
}

impl std::error::Error for Error {}
