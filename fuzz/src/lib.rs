//! What the fuzz targets do with an input. The fuzzer calls these functions, and so does
//! an ordinary test of probe-filter (tests/fuzz), which includes this file.

pub mod classic;
pub mod expression;
pub mod frame;
mod machine;

use std::net::IpAddr;

use probe_filter::{Port, Resolver};

/// Knows no name, and asks nobody: what fuzzing makes up is no business of name servers.
#[derive(Debug)]
pub struct Nobody;

impl Resolver for Nobody {
    fn host(&self, _: &str) -> Vec<IpAddr> {
        Vec::new()
    }

    fn port(&self, _: &str) -> Port {
        Port::default()
    }

    fn protocol(&self, _: &str) -> Option<u32> {
        None
    }

    fn network(&self, _: &str) -> Option<u32> {
        None
    }

    fn ether(&self, _: &str) -> Option<[u8; 6]> {
        None
    }
}
