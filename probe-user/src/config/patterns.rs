//! Names of interfaces and globs of them, and those that are excepted.

use glob::{Pattern, PatternError};
use serde::{Deserialize, Serialize};

/// Which interfaces are watched, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Texts", try_from = "Texts")]
pub struct Patterns {
    /// Names and globs of those that are.
    pub wanted: Vec<Pattern>,
    /// Names and globs of those that are not, though a glob has them.
    pub not: Vec<Pattern>,
}

/// The same, for another process.
#[derive(Serialize, Deserialize)]
struct Texts {
    wanted: Vec<String>,
    not: Vec<String>,
}

impl From<Patterns> for Texts {
    fn from(Patterns { wanted, not }: Patterns) -> Self {
        let texts = |patterns: Vec<Pattern>| patterns.iter().map(Pattern::to_string).collect();
        Self { wanted: texts(wanted), not: texts(not) }
    }
}

impl TryFrom<Texts> for Patterns {
    type Error = PatternError;

    fn try_from(Texts { wanted, not }: Texts) -> Result<Self, PatternError> {
        let patterns = |texts: Vec<String>| -> Result<Vec<Pattern>, PatternError> {
            texts.iter().map(|text| Pattern::new(text)).collect()
        };
        Ok(Self { wanted: patterns(wanted)?, not: patterns(not)? })
    }
}

impl Patterns {
    /// Whether an interface of this name is watched.
    pub fn take(&self, name: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(name));
        any(&self.wanted) && !any(&self.not)
    }

    /// Those that are names, and no globs: each stands for one interface, which may be missing.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.wanted.iter().map(Pattern::as_str).filter(|text| !text.contains(['*', '?', '[']))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_globs_and_exceptions() {
        let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let wanted = patterns(&["eth0", "veth*", "wlan[0-3]"]);
        let patterns = Patterns { wanted, not: patterns(&["veth-lab*"]) };
        for (name, taken) in [
            ("eth0", true),
            ("eth01", false),
            ("veth", true),
            ("veth1a2b", true),
            ("veth-lab7", false),
            ("wlan2", true),
            ("wlan7", false),
            ("lo", false),
        ] {
            assert_eq!(patterns.take(name), taken, "{name}");
        }
        assert_eq!(patterns.names().collect::<Vec<_>>(), ["eth0"]);
    }
}
