//! What Wireshark's dialog offers for an interface, in sentences of extcap(4).

use super::sentence::Sentence;

/// What a field of the dialog takes.
#[derive(Debug)]
pub enum Field {
    /// A number, from and to.
    #[expect(missing_docs, reason = "said above")]
    Number { default: u64, least: u64, most: u64 },
    /// One of several: value and words. The first is the default.
    OneOf(&'static [(&'static str, &'static str)]),
    /// Text, with an example of it.
    Text(&'static str),
    /// A file, which need not exist.
    File,
}

/// A flag of `probe extcap` that the dialog offers.
#[derive(Debug)]
pub struct Flag {
    /// As on the command line, `--` included.
    pub name: &'static str,
    /// What stands before the field.
    pub display: &'static str,
    /// What the dialog says of it.
    pub tooltip: &'static str,
    /// What it takes.
    pub field: Field,
}

/// The answer to --extcap-config.
pub(crate) fn sentences(flags: &[Flag]) -> String {
    (0_u32..).zip(flags).map(|(number, flag)| argument(number, flag)).collect()
}

fn argument(number: u32, flag: &Flag) -> String {
    let sentence = Sentence::new("arg")
        .with("number", number)
        .with("call", flag.name)
        .with("display", flag.display)
        .with("tooltip", flag.tooltip);
    let sentence = match &flag.field {
        Field::Number { default, least, most } => sentence
            .with("type", "unsigned")
            .with("default", default)
            .with("range", format_args!("{least},{most}")),
        Field::OneOf(_) => sentence.with("type", "selector"),
        Field::Text(example) => sentence.with("type", "string").with("placeholder", example),
        Field::File => sentence.with("type", "fileselect").with("mustexist", false),
    };
    let mut out = sentence.to_string();
    if let Field::OneOf(values) = &flag.field {
        for (place, (value, words)) in values.iter().enumerate() {
            let sentence = Sentence::new("value")
                .with("arg", number)
                .with("value", value)
                .with("display", words)
                .with("default", place == 0);
            out.push_str(&sentence.to_string());
        }
    }
    out
}
