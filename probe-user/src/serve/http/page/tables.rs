//! The page's tables. Columns of the class `wide` are left out where there is no room for them.

use maud::{Markup, html};
use probe_frame::visible;

use crate::{
    snapshot::{Lost, Port, Recorder, Rule, Times},
    text::{grouped, si},
};

/// Length of a bar, in its own units.
const BAR: f64 = 100.0;

/// A table that scrolls by itself where it does not fit; whoever uses a keyboard can, too.
fn scroll(label: &str, table: &Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(label) { (table) } }
}

/// The rules. `data-rule` tells the module which history a row's chart has.
pub fn rules(rules: &[Rule]) -> Markup {
    let table = html! {
        table {
            thead { tr {
                th.text scope="col" { "rule" }
                th scope="col" data-own="" hidden { "last minutes" }
                th scope="col" { "frames/s" }
                th scope="col" { "bit/s" }
                th.wide scope="col" { "frames" }
                th.wide scope="col" { "bytes" }
            } }
            tbody {
                @for rule in rules {
                    tr data-rule=(rule.name) {
                        th.text scope="row" { (visible(&rule.name)) code { (visible(&rule.filter)) } }
                        td.spark data-own="" hidden {}
                        td { (si(rule.pps)) }
                        td { (si(rule.bps)) }
                        td.wide { (grouped(rule.packets)) }
                        td.wide { (bytes(rule.bytes)) }
                    }
                }
            }
        }
    };
    html! {
        p #find data-own="" hidden { label { "Show rules with " input type="search"; } }
        (scroll("Rules", &table))
    }
}

/// The largest keys of each rule that has lists of them.
pub fn tops(rules: &[Rule]) -> Markup {
    let lists = rules.iter().flat_map(|rule| rule.top.iter().map(move |top| (rule, top)));
    html! {
        @for (rule, top) in lists {
            @let longest = top.keys.iter().map(|key| reach(key.share, key.high, key.packets))
                .fold(f64::MIN_POSITIVE, f64::max);
            h3 { (visible(&rule.name)) " by " (visible(&top.by)) }
            (scroll("Largest keys", &html! {
                table {
                    thead { tr {
                        th.text scope="col" { (visible(&top.by)) }
                        th scope="col" { "share" }
                        th.text scope="col" { "with its interval" }
                        th scope="col" { "frames/s" }
                        th.wide scope="col" { "frames" }
                        th.wide scope="col" { "at least" }
                        th.wide scope="col" { "at most" }
                    } }
                    tbody {
                        @for key in &top.keys {
                            tr {
                                th.text scope="row" {
                                    (visible(&key.key))
                                    @if let Some(name) = &key.name { code { (visible(name)) } }
                                }
                                td { (percent(key.share)) }
                                td.text {
                                    (bar(key.share / longest,
                                        reach(key.share, key.low, key.packets) / longest,
                                        reach(key.share, key.high, key.packets) / longest))
                                }
                                td { (si(key.pps)) }
                                td.wide { (grouped(key.packets)) }
                                td.wide { (grouped(key.low)) }
                                td.wide { (grouped(key.high)) }
                            }
                        }
                    }
                }
            }))
            p.quiet {
                (grouped(top.other.packets)) " frames of others; "
                (grouped(top.without)) " without this key"
                @if top.before > 0 { "; " (grouped(top.before)) " before the list began" }
                @if top.refused > 0 { "; " (grouped(top.refused)) " that no list took" }
            }
        }
    }
}

/// The share that another count of a key would be.
fn reach(share: f64, count: u64, packets: u64) -> f64 {
    if packets == 0 { 0.0 } else { share * count as f64 / packets as f64 }
}

/// How many different keys there were.
pub fn distinct(rules: &[Rule]) -> Markup {
    let lists = rules.iter().flat_map(|rule| rule.distinct.iter().map(move |it| (rule, it)));
    scroll(
        "How many different",
        &html! {
            table {
                thead { tr {
                    th.text scope="col" { "rule" }
                    th.text scope="col" { "key" }
                    th scope="col" { "last interval" }
                    th scope="col" { "last minute" }
                    th scope="col" { "since the start" }
                    th.wide scope="col" { "between" }
                } }
                tbody {
                    @for (rule, list) in lists {
                        tr {
                            th.text scope="row" { (visible(&rule.name)) }
                            td.text { (visible(&list.by)) }
                            td { (grouped(list.interval)) }
                            td { (grouped(list.minute)) }
                            td { (grouped(list.estimate)) }
                            td.wide {
                            (grouped(list.low)) " and " (grouped(list.high))
                            @if list.missed > 0 { ", " (grouped(list.missed)) " missed" }
                        }
                        }
                    }
                }
            }
        },
    )
}

/// How ports do.
pub fn ports(ports: &[Port]) -> Markup {
    scroll(
        "Ports",
        &html! {
            table {
                thead { tr {
                    th.text scope="col" { "port" }
                    th.text scope="col" { "verdict" }
                    th scope="col" { "SYN/s" }
                    th.text scope="col" { "outcomes" }
                    th scope="col" { "completed" }
                    th.wide scope="col" { "half-open" }
                    th.wide scope="col" { "handshake p50 / p99" }
                    th.wide scope="col" { "first byte p50 / p99" }
                    th.wide scope="col" { "HTTP" }
                } }
                tbody {
                    @for port in ports {
                        tr {
                            th.text.short scope="row" { (port.port) "/" (visible(&port.protocol)) }
                            td.text {
                                span class={ "verdict " (tone(&port.verdict)) } { (visible(&port.verdict)) }
                                div.why.quiet { (visible(&port.why)) }
                            }
                            td { (si(port.syn_per_second)) }
                            td.text { (outcomes(port)) }
                            td { (grouped(port.completed)) " of " (grouped(port.connections)) }
                            td.wide { (grouped(port.half_open)) }
                            td.wide { (times(&port.handshake_us)) }
                            td.wide { (times(&port.first_byte_us)) }
                            td.wide {
                                @for (class, number) in &port.http {
                                    div { (visible(class)) " " (grouped(*number)) }
                                }
                            }
                        }
                    }
                }
            }
        },
    )
}

fn tone(verdict: &str) -> &'static str {
    match verdict {
        "healthy" => "good",
        "quiet" => "quiet",
        "slow" => "warn",
        _ => "bad",
    }
}

/// What became of a port's connections: completed, not answered or not completed, refused.
fn outcomes(port: &Port) -> Markup {
    let completed = port.completed;
    let waiting = port.unanswered + port.half_open + port.abandoned;
    let refused = port.refused + port.rejected;
    let all = (completed + waiting + refused).max(1) as f64;
    let mut from = 0.0;
    let parts = [("good", completed), ("warn", waiting), ("bad", refused)].map(|(tone, number)| {
        let width = number as f64 / all * BAR;
        from += width;
        (tone, from - width, width)
    });
    let label = format!(
        "{completed} completed, {waiting} not answered or not completed, {refused} refused"
    );
    html! {
        svg.bar viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label=(label) {
            rect.ground width="100" height="8" {}
            @for (tone, from, width) in parts {
                rect class=(tone) x=(short(from)) width=(short(width)) height="8" {}
            }
        }
    }
}

/// What was to be copied, and was lost.
pub fn lost(lost: &[Lost]) -> Markup {
    let frames: u64 = lost.iter().map(|loss| loss.frames).sum();
    html! {
        p.good[frames == 0].bad[frames > 0] {
            @if frames == 0 { "No frame was lost." }
            @else { (grouped(frames)) " frames that were to be copied were lost; each one was counted." }
        }
        (scroll("Losses", &html! {
            table {
                thead { tr {
                    th.text scope="col" { "cause" }
                    th scope="col" { "frames" }
                } }
                tbody {
                    @for loss in lost {
                        tr {
                            th.text scope="row" { (visible(&loss.cause.replace('_', " "))) }
                            td { (grouped(loss.frames)) }
                        }
                    }
                }
            }
        }))
    }
}

/// The flight recorders.
pub fn recorders(recorders: &[Recorder]) -> Markup {
    scroll(
        "Recorders",
        &html! {
            table {
                thead { tr {
                    th.text scope="col" { "rule" }
                    th.text scope="col" { "state" }
                    th scope="col" { "held" }
                    th scope="col" { "files" }
                    th.text.wide scope="col" { "last file" }
                    th.wide scope="col" { "frames overwritten" }
                } }
                tbody {
                    @for recorder in recorders {
                        tr {
                            th.text scope="row" { (visible(&recorder.rule)) }
                            td.text {
                                span class={ "verdict " (state(&recorder.state)) } {
                                    (visible(&recorder.state))
                                }
                            }
                            td { (format!("{:.1} s", recorder.held_seconds)) }
                            td { (grouped(recorder.files)) }
                            td.text.wide {
                                @if let Some(file) = &recorder.last_file { code { (visible(file)) } }
                            }
                            td.wide { (grouped(recorder.overwritten)) }
                        }
                    }
                }
            }
        },
    )
}

fn state(state: &str) -> &'static str {
    match state {
        "armed" => "good",
        "recording" => "warn",
        _ => "bad",
    }
}

/// A share of the longest bar's, and the interval in which the truth lies; the same stands beside it
/// in numbers.
fn bar(value: f64, low: f64, high: f64) -> Markup {
    html! {
        svg.bar viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
            rect.ground y="3" width="100" height="2" {}
            rect.value width=(short(value * BAR)) height="8" {}
            path.interval d={ "M" (short(low * BAR)) " 4H" (short(high * BAR)) } {}
        }
    }
}

fn short(number: f64) -> String {
    format!("{:.1}", number.clamp(0.0, BAR))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn times(times: &Times) -> String {
    if times.n == 0 {
        return "–".into();
    }
    format!("{:.2} / {:.2} ms", times.p50 / 1000.0, times.p99 / 1000.0)
}

/// Bytes in a unit of thousands.
pub fn bytes(bytes: u64) -> String {
    let number = si(bytes as f64);
    let unit = number.find(char::is_alphabetic).unwrap_or(number.len());
    let (digits, factor) = number.split_at(unit);
    format!("{digits} {factor}B")
}

/// A time since the start.
pub fn span(seconds: f64) -> String {
    let seconds = seconds as u64;
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}
