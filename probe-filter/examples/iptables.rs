//! Prints a filter as `iptables -m bpf --bytecode` takes it: `iptables FILTER`. For example
//!
//! ```sh
//! iptables -A INPUT -m bpf --bytecode "$(cargo run --example iptables 'ip and tcp[13] = 2')"
//! ```

use std::error::Error;

use probe_filter::{LinkType, Options, cbpf, compile};

fn main() -> Result<(), Box<dyn Error>> {
    let text = std::env::args().nth(1).ok_or("usage: iptables FILTER")?;
    // iptables shows the filter a packet from its IP header on.
    let options = Options::default().link(LinkType::Raw);
    let program = cbpf::generate(compile(&text, &options)?.graph())?;
    println!("{}", program.decimal().trim_end().replace('\n', ","));
    Ok(())
}
