//! A web config file: YAML, of which every mistake is said with its place.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    str::FromStr as _,
};

use anyhow::{Context as _, Result};
use bcrypt::HashParts;
use saphyr::{LoadableYamlNode as _, MarkedYaml, Marker};

use super::{Clients, Stamp, Tls, Web, tls};
use crate::{bounded, failure::Usage, nearest::closest};

/// Headers that may be set, as in exporter-toolkit.
const HEADERS: [&str; 6] = [
    "Content-Security-Policy",
    "X-Frame-Options",
    "X-Content-Type-Options",
    "X-XSS-Protection",
    "Strict-Transport-Security",
    "Cache-Control",
];

/// What is read, and the files that were read for it with what they were before.
pub(super) fn read(path: &Path) -> (Result<Web>, Vec<(PathBuf, Option<Stamp>)>) {
    let mut named = Vec::new();
    let read = bounded::read(path)
        .with_context(|| format!("web_config: reading {}", path.display()))
        .and_then(|text| parse(&text, path, &mut named));
    (read, named)
}

fn parse(text: &str, path: &Path, named: &mut Vec<(PathBuf, Option<Stamp>)>) -> Result<Web> {
    let mut reader = Reader { path, named, mistakes: Vec::new() };
    let web = match Node::load_from_str(text) {
        Ok(documents) => reader.web(documents.first()),
        Err(error) => {
            reader.mistakes.push(at(error.marker(), error.info()));
            Web::default()
        }
    };
    let Reader { mut mistakes, .. } = reader;
    if mistakes.is_empty() {
        // The certificate, the key and the suites have to fit each other.
        if let Some(tls) = &web.tls {
            let context = || format!("{}: tls_server_config", path.display());
            tls::server(tls).with_context(context)?;
        }
        return Ok(web);
    }
    mistakes.sort();
    let place =
        |(line, column, what): Mistake| format!("{}:{line}:{column}: {what}", path.display());
    Err(Usage::new(mistakes.into_iter().map(place).collect::<Vec<_>>().join("\n")).into())
}

/// A mistake: line and column, each from 1, and what it is.
type Mistake = (usize, usize, String);

fn at(place: &Marker, what: impl ToString) -> Mistake {
    (place.line(), place.col() + 1, what.to_string())
}

/// A value, which knows its place.
type Node = MarkedYaml<'static>;

struct Reader<'r> {
    path: &'r Path,
    named: &'r mut Vec<(PathBuf, Option<Stamp>)>,
    mistakes: Vec<Mistake>,
}

/// The keys and values of a mapping, of which those that are known are taken out one by one.
struct Section<'y> {
    name: &'static str,
    place: Marker,
    entries: Vec<(&'y Node, &'y Node)>,
    known: Vec<&'static str>,
}

impl<'y> Section<'y> {
    fn take(&mut self, key: &'static str) -> Option<&'y Node> {
        self.known.push(key);
        let at = self.entries.iter().position(|(name, _)| name.data.as_str() == Some(key))?;
        Some(self.entries.remove(at).1).filter(|value| !value.data.is_null())
    }
}

impl Reader<'_> {
    fn mistake(&mut self, node: &Node, what: impl ToString) {
        self.mistakes.push(at(&node.span.start, what));
    }

    fn section<'y>(&mut self, name: &'static str, node: &'y Node) -> Option<Section<'y>> {
        let Some(entries) = node.data.as_mapping() else {
            self.mistake(node, format_args!("{name}: expected keys with values"));
            return None;
        };
        let entries = entries.iter().collect();
        Some(Section { name, place: node.span.start, entries, known: Vec::new() })
    }

    /// What nobody took is a mistake.
    fn end(&mut self, section: Section<'_>) {
        let Section { name, entries, known, .. } = section;
        for (key, _) in entries {
            let text = key.data.as_str().unwrap_or("?");
            let advice = match closest(text, known.iter().copied()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("{name} has {}", known.join(", ")),
            };
            self.mistake(key, format_args!("no key is named `{text}`: {advice}"));
        }
    }

    fn text<'y>(&mut self, section: &mut Section<'y>, key: &'static str) -> Option<&'y str> {
        let node = section.take(key)?;
        let text = node.data.as_str();
        if text.is_none() {
            self.mistake(node, format_args!("{key}: expected a text"));
        }
        text
    }

    fn flag(&mut self, section: &mut Section<'_>, key: &'static str) -> Option<bool> {
        let node = section.take(key)?;
        let flag = node.data.as_bool();
        if flag.is_none() {
            self.mistake(node, format_args!("{key}: expected true or false"));
        }
        flag
    }

    fn texts(&mut self, section: &mut Section<'_>, key: &'static str) -> Option<Vec<String>> {
        let node = section.take(key)?;
        let items = node.data.as_sequence().and_then(|items| {
            items.iter().map(|item| item.data.as_str().map(str::to_owned)).collect()
        });
        if items.is_none() {
            self.mistake(node, format_args!("{key}: expected a list of texts"));
        }
        items
    }

    /// The texts of a mapping.
    fn pairs(&mut self, name: &'static str, node: &Node) -> BTreeMap<String, String> {
        let mut pairs = BTreeMap::new();
        let Some(section) = self.section(name, node) else { return pairs };
        for (key, value) in section.entries {
            match (key.data.as_str(), value.data.as_str()) {
                (Some(key), Some(value)) => {
                    pairs.insert(key.to_owned(), value.to_owned());
                }
                _ => self.mistake(key, format_args!("{name}: expected a text for each name")),
            }
        }
        pairs
    }

    fn web(&mut self, document: Option<&Node>) -> Web {
        let mut web = Web { is_watched: true, ..Web::default() };
        let Some(document) = document.filter(|document| !document.data.is_null()) else {
            return web;
        };
        let Some(mut root) = self.section("the file", document) else { return web };
        web.tls = root.take("tls_server_config").and_then(|node| {
            let section = self.section("tls_server_config", node)?;
            self.tls(section)
        });
        if let Some(node) = root.take("http_server_config")
            && let Some(mut section) = self.section("http_server_config", node)
        {
            // HTTP/1.1 is what is spoken, whether or not HTTP/2 were allowed.
            self.flag(&mut section, "http2");
            if let Some(node) = section.take("headers") {
                web.headers = self.pairs("headers", node);
                for name in web.headers.keys() {
                    if !HEADERS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                        let all = HEADERS.join(", ");
                        self.mistake(node, format_args!("headers: {name} is none of {all}"));
                    }
                }
            }
            self.end(section);
        }
        if let Some(node) = root.take("basic_auth_users") {
            web.users = self.pairs("basic_auth_users", node);
            for (name, hash) in &web.users {
                if HashParts::from_str(hash).is_err() {
                    let what = "expected a hash of bcrypt ($2y$10$...), as `htpasswd -nB` makes it";
                    self.mistake(node, format_args!("basic_auth_users: {name}: {what}"));
                }
            }
        }
        self.end(root);
        web
    }

    fn tls(&mut self, mut section: Section<'_>) -> Option<Tls> {
        let mut content = |reader: &mut Self, inline: &'static str, file: &'static str| {
            let text = reader.text(&mut section, inline);
            reader.content(&mut section, text, file)
        };
        let certificates = content(self, "cert", "cert_file");
        let key = content(self, "key", "key_file");
        let client_authorities = content(self, "client_ca", "client_ca_file");
        let clients = self.clients(&mut section, client_authorities.is_some());
        let oldest = self.version(&mut section, "min_version").unwrap_or(12);
        let newest = self.version(&mut section, "max_version").unwrap_or(13);
        let cipher_suites = self.texts(&mut section, "cipher_suites");
        let prefers_own_suites = self.flag(&mut section, "prefer_server_cipher_suites");
        for key in ["curve_preferences", "client_allowed_sans"] {
            if let Some(node) = section.take(key) {
                self.mistake(node, format_args!("{key}: probe has no such choice; leave it out"));
            }
        }
        if certificates.is_none() || key.is_none() {
            let what = "tls_server_config: cert_file and key_file are needed";
            self.mistakes.push(at(&section.place, what));
        }
        self.end(section);
        Some(Tls {
            certificates: certificates?,
            key: key?,
            clients,
            client_authorities: client_authorities.unwrap_or_default(),
            tls12: oldest <= 12 && newest >= 12,
            tls13: oldest <= 13 && newest >= 13,
            cipher_suites,
            prefers_own_suites: prefers_own_suites.unwrap_or(true),
        })
    }

    /// What stands in the file itself, or in the one that it names; relative to its folder.
    fn content(
        &mut self,
        section: &mut Section<'_>,
        inline: Option<&str>,
        key: &'static str,
    ) -> Option<String> {
        let Some(node) = section.take(key) else { return inline.map(str::to_owned) };
        let Some(name) = node.data.as_str() else {
            self.mistake(node, format_args!("{key}: expected a path"));
            return None;
        };
        if inline.is_some() {
            self.mistake(node, format_args!("{key}: the same stands in the file itself"));
            return None;
        }
        let path = self.path.parent().unwrap_or(Path::new("")).join(name);
        self.named.push((path.clone(), Stamp::of(&path)));
        match bounded::read(&path) {
            Ok(text) => Some(text),
            Err(error) => {
                self.mistake(node, format_args!("{key}: reading {}: {error}", path.display()));
                None
            }
        }
    }

    fn clients(&mut self, section: &mut Section<'_>, has_authorities: bool) -> Clients {
        let Some(node) = section.take("client_auth_type") else {
            if has_authorities {
                let what = "client_ca_file is of no use without client_auth_type";
                self.mistakes.push(at(&section.place, what));
            }
            return Clients::NoClientCert;
        };
        let clients = match node.data.as_str().unwrap_or_default() {
            "" | "NoClientCert" => Clients::NoClientCert,
            "VerifyClientCertIfGiven" => Clients::VerifyClientCertIfGiven,
            "RequireAndVerifyClientCert" => Clients::RequireAndVerifyClientCert,
            "RequestClientCert" | "RequireClientCert" | "RequireAnyClientCert" => {
                let what = "client_auth_type: a certificate that is not verified proves nothing: \
                            VerifyClientCertIfGiven or RequireAndVerifyClientCert";
                self.mistake(node, what);
                return Clients::NoClientCert;
            }
            other => {
                let what = format!(
                    "client_auth_type: `{other}` is none of NoClientCert, VerifyClientCertIfGiven, \
                     RequireAndVerifyClientCert"
                );
                self.mistake(node, what);
                return Clients::NoClientCert;
            }
        };
        if (clients == Clients::NoClientCert) == has_authorities {
            self.mistake(node, "client_auth_type and client_ca_file go together");
        }
        clients
    }

    fn version(&mut self, section: &mut Section<'_>, key: &'static str) -> Option<u8> {
        let node = section.take(key)?;
        match node.data.as_str() {
            Some("TLS12") => Some(12),
            Some("TLS13") => Some(13),
            _ => {
                self.mistake(node, format_args!("{key}: TLS12 and TLS13 are spoken"));
                None
            }
        }
    }
}
