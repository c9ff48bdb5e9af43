//! A resolver that asks once.

use std::cell::RefCell;
use std::io;
use std::net::IpAddr;

use rustc_hash::FxHashMap;

use crate::names::{Port, Resolver};

/// Asks another resolver, and remembers the addresses of hosts, which may have others a moment later,
/// and for which a name server may be waited for. The rest is in files.
pub struct Remembering<'a> {
    asked: &'a dyn Resolver,
    hosts: RefCell<FxHashMap<String, Vec<IpAddr>>>,
}

impl<'a> Remembering<'a> {
    pub fn new(asked: &'a dyn Resolver) -> Self {
        Self { asked, hosts: RefCell::default() }
    }
}

impl Resolver for Remembering<'_> {
    fn host(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        if let Some(known) = self.hosts.borrow().get(name) {
            return Ok(known.clone());
        }
        let found = self.asked.host(name)?;
        self.hosts.borrow_mut().insert(name.to_owned(), found.clone());
        Ok(found)
    }

    fn port(&self, name: &str) -> io::Result<Port> {
        self.asked.port(name)
    }

    fn protocol(&self, name: &str) -> io::Result<Option<u32>> {
        self.asked.protocol(name)
    }

    fn network(&self, name: &str) -> io::Result<Option<u32>> {
        self.asked.network(name)
    }

    fn ether(&self, name: &str) -> io::Result<Option<[u8; 6]>> {
        self.asked.ether(name)
    }
}
