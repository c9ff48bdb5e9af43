//! `[otlp]`: where metrics are pushed to.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use super::reader::{Mistakes, Section, Value};

/// Time between two pushes, unless the file says otherwise: that of OpenTelemetry's own exporters
/// (OTEL_METRIC_EXPORT_INTERVAL).
const INTERVAL: Duration = Duration::from_secs(60);
/// And at least.
const SHORTEST: Duration = Duration::from_secs(1);
/// The path, unless the endpoint has one (OTLP/HTTP).
const PATH: &str = "/v1/metrics";

/// `[otlp]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// The collector.
    pub endpoint: Endpoint,
    /// Time between two pushes.
    pub interval: Duration,
    /// The file of header lines that each push has.
    pub headers: Option<PathBuf>,
}

/// Where a collector takes metrics by OTLP/HTTP. It is an address, as who pushes cannot look names up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Address and port.
    pub address: SocketAddr,
    /// The path, which begins with `/`.
    pub path: String,
}

impl FromStr for Endpoint {
    type Err = String;

    /// `http://ADDRESS:PORT`, or `http://ADDRESS:PORT/PATH`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("https://") {
            return Err("TLS is not spoken here: name a collector on this host, which does".into());
        }
        let wanted = || {
            "expected http://ADDRESS:PORT/PATH, as in http://127.0.0.1:4318/v1/metrics; names \
             are not looked up"
                .to_owned()
        };
        let rest = text.strip_prefix("http://").ok_or_else(wanted)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let address = authority.parse().map_err(|_| wanted())?;
        let path = if matches!(path, "" | "/") { PATH } else { path };
        if !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(wanted());
        }
        Ok(Self { address, path: path.to_owned() })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, path } = self;
        write!(f, "http://{address}{path}")
    }
}

/// Reads the section; `None` where there is none, or a mistake in it.
pub(super) fn read(document: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<Otlp> {
    let mut section = document.table("otlp", "[otlp]", mistakes)?;
    if !cfg!(feature = "otlp") {
        let what = "this probe cannot push: it was built without the feature `otlp` \
                    (cargo build --features otlp)";
        mistakes.add(&section.at(), format_args!("otlp: {what}"));
        return None;
    }
    let endpoint = section.parsed("endpoint", mistakes, str::parse);
    if endpoint.is_none() && !section.has("endpoint") {
        mistakes.missing(&section.at(), "[otlp] has no `endpoint`");
    }
    let interval = section.duration("interval", mistakes);
    if let Some(Value { at, value }) = &interval
        && *value < SHORTEST
    {
        mistakes.add(at, format_args!("interval: {} s or longer", SHORTEST.as_secs()));
    }
    let headers = section.string("headers", mistakes);
    section.end(mistakes);
    Some(Otlp {
        endpoint: endpoint?.value,
        interval: interval.map_or(INTERVAL, |interval| interval.value),
        headers: headers.map(|path| path.value.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn endpoints() {
        for (text, shown) in [
            ("http://127.0.0.1:4318/v1/metrics", "http://127.0.0.1:4318/v1/metrics"),
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/metrics"),
            ("http://[::1]:4318/", "http://[::1]:4318/v1/metrics"),
            ("http://192.0.2.1:9009/otlp/v1/metrics", "http://192.0.2.1:9009/otlp/v1/metrics"),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            "127.0.0.1:4318",
            "http://127.0.0.1",
            "http://localhost:4318",
            "http://127.0.0.1:4318/a b",
            "http://127.0.0.1:4318/\r\nx",
            "https://127.0.0.1:4318",
            "grpc://127.0.0.1:4317",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    fn parse(section: &str) -> Result<Config, String> {
        let text = format!(
            "interfaces = \"lo\"\n[[rule]]\nname = \"a\"\nfilter = \"\"\n[otlp]\n{section}"
        );
        Config::parse(&text, "p.toml").map_err(|error| error.to_string())
    }

    #[test]
    #[cfg(feature = "otlp")]
    fn sections() {
        let text = "endpoint = \"http://127.0.0.1:4318\"\n";
        let otlp = parse(text).unwrap().otlp.unwrap();
        assert_eq!((otlp.interval, otlp.headers), (INTERVAL, None));
        let text = format!("{text}interval = \"10s\"\nheaders = \"/etc/probe/headers\"\n");
        let config = parse(&text).unwrap();
        let otlp = config.otlp.as_ref().unwrap();
        assert_eq!(otlp.interval, Duration::from_secs(10));
        assert_eq!(otlp.headers.as_deref(), Some("/etc/probe/headers".as_ref()));
        let again = Config::parse(&config.text().unwrap(), "p.toml").unwrap();
        assert_eq!(again.otlp, config.otlp);
        for (text, mistake) in [
            ("", "p.toml:5:1: [otlp] has no `endpoint`"),
            ("endpoint = \"http://a:1\"", "p.toml:6:12: endpoint: expected http://ADDRESS:PORT"),
            ("endpoint = \"http://[::1]:1\"\ninterval = \"1ms\"", "p.toml:7:12: interval: 1 s or"),
            (
                "endpoint = \"http://[::1]:1\"\nheader = \"a\"",
                "p.toml:7:1: no key is named `header`: did you mean `headers`?",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(mistake) && error.lines().count() == 1, "{error}");
        }
    }

    #[test]
    #[cfg(not(feature = "otlp"))]
    fn without_the_feature_the_section_is_a_mistake() {
        let error = parse("endpoint = \"http://127.0.0.1:4318\"").unwrap_err();
        let expected = "p.toml:5:1: otlp: this probe cannot push: it was built without the feature \
                        `otlp` (cargo build --features otlp)";
        assert_eq!(error, expected);
    }
}
