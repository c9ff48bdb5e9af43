//! What the project's own programs have in common: xtask itself, and the benchmarks, a crate
//! of their own.
//!
//! | file | what it has |
//! | --- | --- |
//! | `shell` | commands, said aloud before they run; where things are |
//! | `setup` | what is missing, found or installed |
//! | `build` | the kernel programs and `target/release/probe` |

// They end the program where a write fails; see shell.rs.
#![deny(clippy::print_stderr, clippy::print_stdout)]

pub mod build;
pub mod setup;
pub mod shell;
