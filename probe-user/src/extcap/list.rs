//! What Wireshark asks for first: the interfaces, and their link types. Needs no rights.

use anyhow::Result;
use probe_filter::LinkType;

use super::{
    PREFIX,
    sentence::{Sentence, fits},
};
use crate::{
    interfaces::{self, ANY, Device},
    link_type::{self, Known},
};

pub(super) fn version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    Sentence::new("extcap").with("version", version).with("display", "probe").to_string()
}

/// Those that are up, and `any`. A name with a brace in it cannot be said here, and is left
/// out.
pub(super) fn interfaces(devices: &[Device]) -> String {
    let listed = devices.iter().filter(|device| device.is_up() && fits(&device.name));
    let sentences = listed.map(|device| {
        let name = device.name.as_str();
        let what = if name == ANY { "all interfaces" } else { name };
        Sentence::new("interface")
            .with("value", format_args!("{PREFIX}{name}"))
            .with("display", format_args!("{what}, by probe"))
            .to_string()
    });
    std::iter::once(version()).chain(sentences).collect()
}

/// Of an interface, or of `any`.
pub(super) fn link_types(interface: &str) -> Result<String> {
    let link = match interface {
        ANY => LinkType::Ethernet,
        name => interfaces::known_link_type(name)?,
    };
    let Known { name, description, dlt, .. } = link_type::known(link);
    let sentence = Sentence::new("dlt").with("number", dlt).with("name", name);
    Ok(sentence.with("display", description).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_and_any_are_listed() {
        let text = interfaces(&interfaces::devices());
        let mut lines = text.lines();
        let version = concat!("extcap {version=", env!("CARGO_PKG_VERSION"), "}{display=probe}");
        assert_eq!(lines.next(), Some(version));
        let lines: Vec<&str> = lines.collect();
        for expected in [
            "interface {value=probe-lo}{display=lo, by probe}",
            "interface {value=probe-any}{display=all interfaces, by probe}",
        ] {
            assert_eq!(lines.iter().filter(|line| **line == expected).count(), 1, "{text}");
        }
        assert!(lines.iter().all(|line| line.starts_with("interface {value=probe-")), "{text}");
    }

    #[test]
    fn link_types_of_interfaces() {
        let ethernet = "dlt {number=1}{name=EN10MB}{display=Ethernet}\n";
        assert_eq!(link_types("lo").unwrap(), ethernet);
        assert_eq!(link_types(ANY).unwrap(), ethernet);
        assert!(link_types("nosuch0").is_err());
    }

    #[test]
    fn what_cannot_be_said_is_left_out() {
        assert!(fits("eth0.5@if3"));
        for name in ["a}{display=b", "{", "}", "a\nb", "a\x1bb"] {
            assert!(!fits(name), "{name:?}");
        }
    }
}
