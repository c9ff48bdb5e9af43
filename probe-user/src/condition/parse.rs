//! The text of a condition, read. The grammar stands in the module above.

use std::{ops::Range, time::Duration};

use super::{
    Comparison, Condition, ConditionError,
    subject::{Measure, Per, Subject},
};
use crate::{
    duration,
    health::{Service, Verdict},
    nearest::closest,
};

/// Words that say what is counted, and those that are a subject alone.
const MEASURES: [(&str, Measure); 5] = [
    ("rate", Measure::Packets),
    ("packets", Measure::Packets),
    ("bytes", Measure::Bytes),
    ("bits", Measure::Bits),
    ("share", Measure::Share),
];
const SEEN: &str = "seen";
const LOST: &str = "lost";
const HEALTH: &str = "health";

/// Reads a condition on the counts of rules with these names.
///
/// # Errors
/// What is wrong, and where.
pub fn parse(text: &str, rules: &[&str]) -> Result<Condition, ConditionError> {
    read(Parser { text, rules, own: (rules.len() == 1).then_some(0), ports: None, at: 0 })
}

/// As [`parse`], where one of the rules, by its index, is the one that is meant where none is named
/// (`rate > 50k/s`), and the health of these ports is known; of any where there is a list without one.
///
/// # Errors
/// As there.
pub fn parse_of(
    text: &str,
    rules: &[&str],
    own: usize,
    ports: Option<&[Service]>,
) -> Result<Condition, ConditionError> {
    read(Parser { text, rules, own: Some(own), ports, at: 0 })
}

fn read(mut parser: Parser<'_>) -> Result<Condition, ConditionError> {
    if let Some(subject) = parser.verdict()? {
        return parser.end_of_verdict(subject);
    }
    let (subject, is_rate) = parser.subject()?;
    let comparison = parser.comparison()?;
    let (bound, per) = parser.bound(&subject, is_rate)?;
    let mut lasting = None;
    let mut until = bound * comparison.margin();
    loop {
        let word = parser.next();
        match word.text {
            "" => break,
            "for" if lasting.is_none() => lasting = Some(parser.time()?),
            "until" => {
                let place = parser.peek();
                let (value, unit) = parser.bound(&subject, is_rate)?;
                if unit != per {
                    let like = format!("the bound has {:?}", per.suffix());
                    return Err(parser.error(&place, "this bound is of another kind", like));
                }
                if comparison.holds(value, bound) && value != bound {
                    let expected = "it says when the condition is over: a value on the other side";
                    return Err(parser.error(&place, "here the condition still holds", expected));
                }
                until = value;
            }
            _ => {
                let expected = "expected for, until or the end";
                return Err(parser.error(&word, "this cannot follow a bound", expected));
            }
        }
    }
    let text = parser.text.trim().to_owned();
    Ok(Condition { text, subject, comparison, bound, per, lasting, until })
}

/// A word, and where it stands.
struct Word<'a> {
    text: &'a str,
    span: Range<usize>,
}

struct Parser<'a> {
    text: &'a str,
    rules: &'a [&'a str],
    /// The rule that is meant where none is named.
    own: Option<usize>,
    /// The ports whose health is known; of any where the list is empty.
    ports: Option<&'a [Service]>,
    at: usize,
}

impl<'a> Parser<'a> {
    /// The next word: signs of comparison, or what stands between blanks and those. Empty at the end.
    fn next(&mut self) -> Word<'a> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let start = self.text.len() - rest.trim_start().len();
        let rest = rest.trim_start();
        let sign = |c: char| "<>=!".contains(c);
        let signs = rest.starts_with(sign);
        let end = rest.find(|c: char| c.is_whitespace() || sign(c) != signs).unwrap_or(rest.len());
        self.at = start + end;
        Word { text: rest.get(..end).unwrap_or_default(), span: start..self.at }
    }

    fn peek(&mut self) -> Word<'a> {
        let at = self.at;
        let word = self.next();
        self.at = at;
        word
    }

    fn error(
        &self,
        word: &Word<'_>,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> ConditionError {
        let mut message = message.into();
        if word.text.is_empty() {
            message = "the condition ends too early".into();
        }
        let (text, span) = (self.text.to_owned(), word.span.clone());
        ConditionError { text, span, message, advice: advice.into() }
    }

    /// `health PORT is VERDICT`, if that is what it is: a rule may be called `health`, too.
    fn verdict(&mut self) -> Result<Option<Subject>, ConditionError> {
        let start = self.at;
        let (word, number) = (self.next(), self.next());
        if word.text != HEALTH || !number.text.starts_with(|c: char| c.is_ascii_digit()) {
            self.at = start;
            return Ok(None);
        }
        let service = number
            .text
            .parse::<Service>()
            .map_err(|expected: String| self.error(&number, "this is no port", expected))?;
        let advice = match self.ports {
            None => Some("probe serve does that, with [health] in its configuration".to_owned()),
            Some([]) => None,
            Some(ports) if ports.contains(&service) => None,
            Some(ports) => {
                let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
                Some(format!("[health] has {}", ports.join(", ")))
            }
        };
        if let Some(advice) = advice {
            return Err(self.error(&number, "the health of this port is not watched", advice));
        }
        let is = self.next();
        if is.text != "is" {
            return Err(self.error(&is, "this is no verdict", "expected is and a verdict"));
        }
        let word = self.next();
        let verdict = Verdict::ALL.into_iter().find(|verdict| verdict.word() == word.text);
        let verdict = verdict.ok_or_else(|| {
            let known = Verdict::ALL.map(Verdict::word).join(", ");
            self.error(&word, "no verdict has this name", format!("expected one of {known}"))
        })?;
        Ok(Some(Subject::Health { service, verdict }))
    }

    /// What may stand behind a verdict.
    fn end_of_verdict(mut self, subject: Subject) -> Result<Condition, ConditionError> {
        let word = self.next();
        let lasting = match word.text {
            "" => None,
            "for" => Some(self.time()?),
            _ => {
                return Err(self.error(
                    &word,
                    "this cannot follow a verdict",
                    "expected for or the end",
                ));
            }
        };
        let more = self.next();
        if !more.text.is_empty() {
            return Err(self.error(&more, "this cannot follow a time", "expected the end"));
        }
        // It is 1 while the port has the verdict.
        Ok(Condition {
            text: self.text.trim().to_owned(),
            subject,
            comparison: Comparison::AtLeast,
            bound: 1.0,
            per: Per::Run,
            lasting,
            until: 0.0,
        })
    }

    fn time(&mut self) -> Result<Duration, ConditionError> {
        let time = self.next();
        duration::parse(time.text)
            .map_err(|expected| self.error(&time, "this is no time", expected))
    }

    /// What the condition is about, and whether it was called a rate.
    fn subject(&mut self) -> Result<(Subject, bool), ConditionError> {
        let word = self.next();
        let measure = MEASURES.iter().find(|(name, _)| *name == word.text);
        let Some(&(name, measure)) = measure else {
            return Ok((self.whose(&word, Measure::Packets)?, false));
        };
        let is_rate = name == "rate";
        if self.peek().text != "of" {
            return match (self.own, self.rules) {
                (Some(index), _) => Ok((Subject::Rule { index, measure }, is_rate)),
                (None, []) => Err(self.error(&word, "there is no rule that could have one", "")),
                (None, [first, ..]) => {
                    let advice = format!("there are several rules: write {name} of {first}");
                    Err(self.error(&word, format!("of which rule is the {name}?"), advice))
                }
            };
        }
        self.next();
        let of = self.next();
        Ok((self.whose(&of, measure)?, is_rate))
    }

    /// The rule of a name, or what is counted for all frames.
    fn whose(&self, word: &Word<'_>, measure: Measure) -> Result<Subject, ConditionError> {
        if let Some(index) = self.rules.iter().position(|rule| *rule == word.text) {
            return Ok(Subject::Rule { index, measure });
        }
        match (word.text, measure) {
            (SEEN, _) => return Ok(Subject::Seen(measure)),
            (LOST, Measure::Packets) => return Ok(Subject::Lost),
            _ => {}
        }
        let words = MEASURES.iter().map(|(name, _)| *name).chain([SEEN, LOST]);
        let known = || self.rules.iter().copied().chain(words);
        let advice = match (closest(word.text, known()), self.rules) {
            (Some(meant), _) => format!("did you mean {meant}?"),
            (None, [rule]) => format!("expected rate, bytes, bits, share, seen, lost or {rule}"),
            (None, rules) => format!("the rules are {}", rules.join(", ")),
        };
        Err(self.error(word, "no rule has this name", advice))
    }

    fn comparison(&mut self) -> Result<Comparison, ConditionError> {
        let word = self.next();
        match word.text {
            ">" => Ok(Comparison::Above),
            ">=" | "=>" => Ok(Comparison::AtLeast),
            "<" => Ok(Comparison::Below),
            "<=" | "=<" => Ok(Comparison::AtMost),
            _ => Err(self.error(&word, "this is no comparison", "expected >, >=, < or <=")),
        }
    }

    /// A bound that fits the subject.
    fn bound(&mut self, subject: &Subject, is_rate: bool) -> Result<(f64, Per), ConditionError> {
        let word = self.next();
        let number = |c: char| c.is_ascii_digit() || c == '.';
        let end = word.text.find(|c| !number(c)).unwrap_or(word.text.len());
        let (digits, unit) = word.text.split_at(end);
        let Ok(number) = digits.parse::<f64>() else {
            return Err(self.error(
                &word,
                "this is no number",
                "expected one such as 1000/s or 50k/s",
            ));
        };
        let (factor, unit) = match unit.chars().next() {
            Some('k' | 'K') => (1e3, &unit[1..]),
            Some('M') => (1e6, &unit[1..]),
            Some('G') => (1e9, &unit[1..]),
            _ => (1.0, unit),
        };
        let per = match unit {
            "" => Per::Run,
            "/s" | "/sec" => Per::Second,
            "/m" | "/min" => Per::Minute,
            "%" => Per::Hundred,
            _ => {
                let expected = "after the number may stand k, M or G, and then /s, /m or %";
                return Err(self.error(&word, "this is no unit", expected));
            }
        };
        let share = matches!(
            subject,
            Subject::Rule { measure: Measure::Share, .. } | Subject::Seen(Measure::Share)
        );
        match (share, is_rate, per) {
            (true, _, Per::Hundred) | (false, false, Per::Run | Per::Second | Per::Minute) => {}
            (false, true, Per::Second | Per::Minute) => {}
            (true, ..) => {
                let advice = format!("a share is in percent, such as {digits}%");
                return Err(self.error(&word, "this bound is of another kind", advice));
            }
            (false, true, Per::Run) => {
                let advice = format!("a rate is one per second or per minute: {}/s", word.text);
                return Err(self.error(&word, "this bound lacks its time", advice));
            }
            (false, _, Per::Hundred) => {
                let advice = "only a share is in percent, such as share of NAME > 50%";
                return Err(self.error(&word, "this bound is of another kind", advice));
            }
        }
        Ok((number * factor, per))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: [&str; 3] = ["syn", "get", "bytes"];

    fn understood(text: &str) -> Condition {
        parse(text, &RULES).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn what_conditions_mean() {
        let rule = |index, measure| Subject::Rule { index, measure };
        for (text, subject, bound, per) in [
            ("syn > 1000/s", rule(0, Measure::Packets), 1e3, Per::Second),
            ("syn>=1.5k/m", rule(0, Measure::Packets), 1.5e3, Per::Minute),
            ("rate of get < 50k/s", rule(1, Measure::Packets), 5e4, Per::Second),
            ("packets of get < 2M", rule(1, Measure::Packets), 2e6, Per::Run),
            ("bytes of syn > 10M/s", rule(0, Measure::Bytes), 1e7, Per::Second),
            ("bits of seen > 1G/s", Subject::Seen(Measure::Bits), 1e9, Per::Second),
            ("rate of bytes > 1/s", rule(2, Measure::Packets), 1.0, Per::Second),
            ("share of syn > 50%", rule(0, Measure::Share), 50.0, Per::Hundred),
            ("lost > 0", Subject::Lost, 0.0, Per::Run),
            ("seen <= 0/s", Subject::Seen(Measure::Packets), 0.0, Per::Second),
        ] {
            let condition = understood(text);
            assert_eq!((&condition.subject, condition.per), (&subject, per), "{text}");
            assert_eq!((condition.bound, condition.to_string().as_str()), (bound, text));
        }
        let condition = understood("syn > 1000/s for 2s until 600/s");
        assert_eq!(condition.lasting, Some(Duration::from_secs(2)));
        assert_eq!(condition.until, 600.0);
        assert_eq!(
            (understood("syn > 1k/s").until, understood("syn < 1k/s").until),
            (800.0, 1250.0)
        );
        let alone = parse("rate > 50k/s for 2s", &["match"]).unwrap();
        assert_eq!(alone.subject, rule(0, Measure::Packets));
        let own = parse_of("rate > 50k/s", &RULES, 1, None).unwrap();
        assert_eq!(own.subject, rule(1, Measure::Packets));
        let other = parse_of("share of syn > 5%", &RULES, 1, None).unwrap();
        assert_eq!(other.subject, rule(0, Measure::Share));
    }

    #[test]
    fn verdicts() {
        let ports = ["80", "443", "53/udp"].map(|port| port.parse::<Service>().unwrap());
        let read = |text: &str| parse_of(text, &["health", "syn"], 1, Some(&ports));
        let condition = read("health 53/udp is overloaded for 10s").unwrap();
        let subject = Subject::Health { service: ports[2], verdict: Verdict::Overloaded };
        assert_eq!(
            (condition.subject, condition.lasting),
            (subject, Some(Duration::from_secs(10)))
        );
        // A rule of that name.
        let rule = Subject::Rule { index: 0, measure: Measure::Packets };
        assert_eq!(read("health > 5/s").unwrap().subject, rule);
        for (text, said) in [
            (
                "health 8080 is slow",
                "the health of this port is not watched\n  health 8080 is slow\n         ^^^^\n\
                 [health] has 80, 443, 53/udp",
            ),
            (
                "health 80 is bad",
                "no verdict has this name\n  health 80 is bad\n               ^^^\nexpected one of \
                 healthy, closed, firewalled, flooded, overloaded, slow, quiet",
            ),
            (
                "health 80 > 5",
                "this is no verdict\n  health 80 > 5\n            ^\nexpected is and a verdict",
            ),
            (
                "health 80 is slow until 5",
                "this cannot follow a verdict\n  health 80 is slow until 5\n                    \
                 ^^^^^\nexpected for or the end",
            ),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), said);
        }
        assert!(parse_of("health 8080 is slow", &["syn"], 0, Some(&[])).is_ok());
        let error = parse("health 80 is slow", &["syn"]).unwrap_err().to_string();
        assert!(error.ends_with("probe serve does that, with [health] in its configuration"));
    }

    #[test]
    fn mistakes_have_a_place_and_advice() {
        for (text, said) in [
            ("sny > 1/s", "no rule has this name\n  sny > 1/s\n  ^^^\ndid you mean syn?"),
            (
                "syn > ",
                "the condition ends too early\n  syn > \n        ^\nexpected one such as 1000/s or 50k/s",
            ),
            (
                "syn >> 1/s",
                "this is no comparison\n  syn >> 1/s\n      ^^\nexpected >, >=, < or <=",
            ),
            ("syn != 1", "this is no comparison\n  syn != 1\n      ^^\nexpected >, >=, < or <="),
            (
                "syn > 10m/s",
                "this is no unit\n  syn > 10m/s\n        ^^^^^\nafter the number may stand k, M or G, and \
                 then /s, /m or %",
            ),
            (
                "rate > 5/s",
                "of which rule is the rate?\n  rate > 5/s\n  ^^^^\nthere are several rules: write \
                 rate of syn",
            ),
            (
                "rate of syn > 5k",
                "this bound lacks its time\n  rate of syn > 5k\n                ^^\na rate is one per \
                 second or per minute: 5k/s",
            ),
            (
                "share of syn > 5/s",
                "this bound is of another kind\n  share of syn > 5/s\n                 ^^^\na share \
                 is in percent, such as 5%",
            ),
            (
                "syn > 5%",
                "this bound is of another kind\n  syn > 5%\n        ^^\nonly a share is in percent, \
                 such as share of NAME > 50%",
            ),
            (
                "syn > 5/s for ever",
                "this is no time\n  syn > 5/s for ever\n                ^^^^\nexpected a time such as \
                 500ms, 1s, 1m30s or 2h",
            ),
            (
                "syn > 5/s and get > 5/s",
                "this cannot follow a bound\n  syn > 5/s and get > 5/s\n            ^^^\nexpected \
                 for, until or the end",
            ),
            (
                "syn > 5/s until 6/s",
                "here the condition still holds\n  syn > 5/s until 6/s\n                  ^^^\nit says \
                 when the condition is over: a value on the other side",
            ),
        ] {
            assert_eq!(parse(text, &RULES).unwrap_err().to_string(), said);
        }
        let error = parse("verdict 80 flooded", &["match"]).unwrap_err().to_string();
        assert!(
            error.ends_with("expected rate, bytes, bits, share, seen, lost or match"),
            "{error}"
        );
    }

    proptest! {
        /// Whatever stands there, the answer is a condition or a place in the text.
        #[test]
        fn any_text_is_read_or_refused_at_its_place(text in "\\PC{0,40}") {
            if let Err(error) = parse(&text, &RULES) {
                prop_assert!(text.get(error.span()).is_some());
                prop_assert!(error.to_string().contains('^'));
            }
        }

        #[test]
        fn words_in_any_order(words in prop::collection::vec(
            prop::sample::select(vec!["syn", "rate", "of", "bytes", "<", ">=", "5k/s", "7%", "for", "2s",
                "until", "4k/s", "\u{e9}"]), 0..10)) {
            let text = words.join(" ");
            if let Err(error) = parse(&text, &RULES) {
                prop_assert!(text.get(error.span()).is_some());
            }
        }
    }
}
