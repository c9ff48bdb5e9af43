//! tcpdump's filter language, compiled.
//!
//! [`compile`](fn@compile) turns pcap-filter(7) text into a [`Graph`](ir::Graph) of
//! predicates. The evaluator runs that graph over frames in user space; the back
//! ends translate it to eBPF and to classic BPF.
//!
//! ```text
//! text -> tokens -> tree -> predicate graph -> passes -> eBPF | classic BPF | evaluator
//! ```

#![forbid(unsafe_code)]

pub mod ebpf;
pub mod eval;
mod flow;
pub mod ir;
