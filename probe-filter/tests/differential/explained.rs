//! Filters explained: each has words, and the frame that is shown as an example matches by libpcap, too.

use probe_filter::{LinkType, VlanView, example, explain};
use test_support::expressions::hand_written;

use crate::oracle::Verdict;
use crate::setting::{Sample, Setting};

/// Only comparisons of numbers are quoted where a filter is explained; all else has words.
#[test]
fn hand_written_filters_have_words() {
    for link in [LinkType::Ethernet, LinkType::Raw, LinkType::LinuxSll2] {
        let setting = Setting::of_link(link);
        for text in hand_written() {
            let Ok((filter, words)) = explain(text, &setting.options()) else { continue };
            assert_eq!(filter.text(), text);
            for line in words.lines() {
                let compares = line.text.contains(['=', '<', '>']);
                assert!(!line.is_quotation || compares, "{text}: {}", line.text);
                assert!(!line.text.is_empty() && !line.text.contains('\n'), "{text}");
            }
        }
    }
}

/// As many questions as the text has are told.
#[test]
fn no_question_is_left_out() {
    let setting = Setting::of_link(LinkType::Ethernet);
    for (text, questions) in [
        ("tcp", 1),
        ("tcp and port 80 or udp", 3),
        ("not (tcp and (port 80 or 443 or 22)) and src or dst 10.0.0.1", 5),
        ("host 10.0.0.1 and (10.0.0.2 or 10.0.0.3)", 3),
    ] {
        let (_, words) = explain(text, &setting.options()).unwrap();
        let told = words.lines().iter().filter(|line| !line.text.ends_with(':')).count();
        assert_eq!(told, questions, "{text}: {words}");
    }
}

/// Whatever filter a frame of the pool matches has an example, and it matches by libpcap's program. The
/// pool's frame of no bytes at all, the only one that `less 0` matches, is none that an example may be.
#[test]
fn examples_match_by_libpcap() {
    let mut settings: Vec<(Setting, LinkType, VlanView)> = LinkType::ALL
        .into_iter()
        .map(|link| (Setting::of_link(link), link, VlanView::AsFrame))
        .collect();
    let live = Setting::live().map(|setting| (setting, LinkType::Ethernet, VlanView::Live));
    settings.extend(live);
    let mut missed = Vec::new();
    for (setting, link, view) in settings {
        let (mut found, mut by_libpcap) = (0, 0);
        for text in hand_written() {
            let Ok(filter) = setting.ours(text) else { continue };
            let Some(example) = example(filter.graph(), link, view) else {
                let samples = setting.samples.iter().step_by(7).map(Sample::frame);
                let mut frames = samples.filter(|frame| frame.wire_len > 0);
                if frames.any(|frame| filter.matches(&frame)) {
                    missed.push(format!("{}: {text}", setting.name));
                }
                continue;
            };
            assert!(filter.matches(&example.frame()), "{}: {text}", setting.name);
            found += 1;
            if let Ok(program) = setting.theirs(text) {
                let verdict = program.run(&example.frame());
                let agrees = matches!(verdict, Verdict::Match | Verdict::Undefined);
                assert!(agrees, "{}: {text}: {verdict:?} {example:02x?}", setting.name);
                by_libpcap += 1;
            }
        }
        println!("{}: {found} examples, {by_libpcap} by libpcap", setting.name);
        assert!(by_libpcap > 300, "{}: {by_libpcap}", setting.name);
    }
    assert!(missed.is_empty(), "no example of {missed:#?}");
}
