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
#[path = "../common/extremes.rs"]
mod extremes;
#[path = "../common/frames.rs"]
mod frames;
#[path = "../differential/generator.rs"]
#[expect(dead_code, reason = "what is no filter at all is for other tests")]
mod generator;
mod harness;
mod inline;
mod machine;
mod many;
mod rules;
mod shared;
