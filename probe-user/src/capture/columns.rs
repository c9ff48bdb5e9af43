//! The columns of `probe capture --format json|csv`, by the names that `--columns` takes. docs/output.md says
//! what each holds.

use std::str::FromStr;

use crate::nearest;

/// What is told of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Version,
    Time,
    Relative,
    Number,
    Interface,
    Direction,
    Length,
    Captured,
    Source,
    Destination,
    SourcePort,
    DestinationPort,
    Protocol,
    Flags,
    Vlan,
    Rules,
    Info,
    Payload,
    Frame,
}

use Column::*;

/// All of them. The first of JSON is the version of what the others mean.
const NAMES: [(&str, Column); 19] = [
    ("version", Version),
    ("time", Time),
    ("number", Number),
    ("interface", Interface),
    ("direction", Direction),
    ("length", Length),
    ("captured", Captured),
    ("src", Source),
    ("sport", SourcePort),
    ("dst", Destination),
    ("dport", DestinationPort),
    ("protocol", Protocol),
    ("flags", Flags),
    ("vlan", Vlan),
    ("rules", Rules),
    ("info", Info),
    ("relative", Relative),
    ("payload", Payload),
    ("frame", Frame),
];

/// Those that are there only where they are asked for.
const ON_REQUEST: [Column; 4] = [Rules, Relative, Payload, Frame];

/// The name of several columns: the summary that tshark prints and exports, under its own headings.
const PRESET: &str = "tshark";
const TSHARK: [(&str, Column); 7] = [
    ("No.", Number),
    ("Time", Relative),
    ("Source", Source),
    ("Destination", Destination),
    ("Protocol", Protocol),
    ("Length", Length),
    ("Info", Info),
];

/// Which columns there are, in their order, under their headings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(pub(super) Vec<(&'static str, Column)>);

impl Columns {
    /// Those of JSON: all but the ones that are there only on request, as rules are by being given.
    pub fn of_json(with_rules: bool) -> Self {
        let is_there = |column| !ON_REQUEST.contains(&column) || with_rules && column == Rules;
        Self(NAMES.into_iter().filter(|(_, column)| is_there(*column)).collect())
    }

    /// Those of CSV, which needs no version in each row: its head says what there is.
    pub fn of_csv(with_rules: bool) -> Self {
        let Self(columns) = Self::of_json(with_rules);
        Self(columns.into_iter().filter(|(_, column)| *column != Version).collect())
    }

    /// Whether rules are among them.
    pub fn have_rules(&self) -> bool {
        self.0.iter().any(|(_, column)| *column == Rules)
    }
}

impl FromStr for Columns {
    type Err = String;

    /// Names with commas between them.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut columns: Vec<(&str, Column)> = Vec::new();
        for name in text.split(',').map(str::trim) {
            let known = NAMES.iter().filter(|(known, _)| *known == name);
            let preset = TSHARK.iter().filter(|_| name == PRESET);
            let named: Vec<_> = known.chain(preset).copied().collect();
            if named.is_empty() {
                return Err(unknown(name));
            }
            for column in named {
                if columns.iter().any(|(heading, _)| *heading == column.0) {
                    return Err(format!("{name} is there twice"));
                }
                columns.push(column);
            }
        }
        Ok(Self(columns))
    }
}

fn unknown(name: &str) -> String {
    let names = || NAMES.iter().map(|(name, _)| *name).chain([PRESET]);
    let nearest = nearest::closest(name, names())
        .map(|name| format!("did you mean {name}? "))
        .unwrap_or_default();
    let all = names().collect::<Vec<_>>().join(", ");
    format!("there is no column {name:?}; {nearest}(columns: {all})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_columns_have_a_name_and_the_defaults_are_theirs() {
        let all = NAMES.map(|(name, _)| name).join(",");
        assert_eq!(all.parse(), Ok(Columns(NAMES.to_vec())));
        assert_eq!(Columns::of_json(false).0.len(), 15);
        assert_eq!(Columns::of_csv(false).0[..2], [("time", Time), ("number", Number)]);
    }

    #[test]
    fn chosen_and_ordered() {
        assert!(Columns::of_csv(true).have_rules() && !Columns::of_json(false).have_rules());
        let columns = "dst, time,tshark".parse::<Columns>().unwrap();
        assert_eq!(columns.0[..2], [("dst", Destination), ("time", Time)]);
        assert_eq!(columns.0[2..], TSHARK);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = "time,dest".parse::<Columns>().unwrap_err();
        assert!(error.starts_with("there is no column \"dest\"; did you mean dst? "), "{error}");
        assert!(error.contains("src, sport") && error.ends_with("frame, tshark)"), "{error}");
        assert_eq!("src,src".parse::<Columns>(), Err("src is there twice".into()));
        assert_eq!("tshark,tshark".parse::<Columns>(), Err("tshark is there twice".into()));
        assert!("".parse::<Columns>().unwrap_err().contains("no column \"\""));
    }
}
