//! Generated code run by those it is generated for, held against the evaluator: eBPF by
//! BPF_PROG_TEST_RUN in both flavours, classic BPF by SO_ATTACH_FILTER; and the machine, which
//! runs in this process.
//!
//! `PROBE_TEST_TIMES=n` runs n times as many random cases. Without the right to load
//! programs the eBPF tests say so and pass; `PROBE_REQUIRE_KERNEL_TESTS=1` makes that a
//! failure.

mod captured;
mod cbpf;
mod ebpf;
mod edges;
mod harness;
mod inline;
mod machine;
mod many;
mod rules;
mod shared;
