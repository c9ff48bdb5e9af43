use super::*;
use crate::{
    health::Settings,
    keys::List,
    rules::{Place, sampler},
};

/// What is said of a text, line by line.
fn said<T>(read: Result<T>) -> Vec<String> {
    let Err(error) = read else { panic!("a mistake") };
    assert_eq!(crate::failure::code(&error), 2, "{error}");
    error.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn a_rules_file() {
    let rules = rules_file(
        "[[rule]]\nname = \"syn\"\nfilter = \"@syn and dst port 80\"\nsample = 1000\n\
         [[rule]]\nname = \"all\"\nfilter = \"\"\n",
        "r.toml",
    )
    .unwrap()
    .rules;
    assert_eq!(rules[0].sampler, Some(sampler(1000, None)));
    let place = Place::File("r.toml".into(), 5);
    assert_eq!(rules[1], Rule { place, ..Rule::new("all", "") });
}

#[test]
fn lists_of_a_rules_file() {
    let read = rules_file(
        "[[rule]]\nname = \"a\"\nfilter = \"\"\nby = [\"src\", \"src/24,3\"]\ntop = 5\n\
         distinct = [\"src\", \"dport\"]\n[[rule]]\nname = \"b\"\nfilter = \"\"\n\
         by = \"src,dport\"\n[top]\nmemory = \"8M\"\n",
        "r.toml",
    );
    let RulesFile { rules, list_memory } = read.unwrap();
    assert_eq!(list_memory, Some(8 << 20));
    let list = |key: &str, top, distinct| List { key: key.parse().unwrap(), top, distinct };
    // As on the command line, src/24,3 is a prefix of both, not three of them.
    let expected =
        [list("src", Some(5), true), list("src/24,3", Some(5), false), list("dport", None, true)];
    assert_eq!(rules[0].lists, expected);
    assert_eq!(rules[1].lists, [list("src,dport", Some(10), false)]);
}

#[test]
fn mistakes_of_a_rules_file_name_file_line_and_column() {
    let rule = "[[rule]]\nname = \"a\"\nfilter = \"\"\n";
    for (text, expected) in [
        ("[[rule]]\nname = \"a\"\n", "r.toml:1:1: [[rule]] has no `filter`"),
        (
            "\n[[rule]]\nname = \"a\"\nfilter = 3\n",
            "r.toml:4:10: filter: expected a text in quotes, found an integer",
        ),
        (&format!("{rule}colour = 1\n"), "r.toml:4:1: no key is named `colour`: [[rule]] has name"),
        (
            &format!("{rule}smaple = 1\n"),
            "r.toml:4:1: no key is named `smaple`: did you mean `sample`?",
        ),
        ("[[rule]]\nname = \"a b\"\nfilter = \"\"\n", "r.toml:2:8: \"a b\" is not a valid name"),
        (&format!("{rule}sample = 0\n"), "r.toml:4:10: sample: expected a whole number from 1"),
        (
            &format!("{rule}by = [\"src\",\n\"sorce\"]\n"),
            "r.toml:5:1: by: no key is called 'sorce': did you mean src?",
        ),
        (
            &format!("{rule}distinct = [\"scr\"]\nby = [\"src\"]\n"),
            "r.toml:4:13: distinct: no key is called 'scr': did you mean src?",
        ),
        (&format!("\n{rule}top = 5\n"), "r.toml:2:1: top says how many keys by lists"),
        (
            &format!("{rule}top = 0\nby = [\"src\"]\n"),
            "r.toml:4:7: top: expected a whole number from 1 to 1024",
        ),
        (&format!("{rule}[top]\nmemory = \"x\"\n"), "r.toml:5:10: memory: expected a size"),
        (&format!("{rule}by = 7\n"), "r.toml:4:6: by: expected a list"),
        (&format!("{rule}{rule}"), "r.toml:6:10: two rules are named \"a\": r.toml:1, r.toml:4"),
        ("[[rule]]\nname = \"\u{e9}\u{e9}\" filter\n", "r.toml:2:13:"),
        ("rule = 7\n", "r.toml:1:8: rule: expected a list of tables, [[rule]]"),
        (
            "interfaces = []\n[[rule]]\nname = \"a\"\nfilter = \"\"\n",
            "r.toml:1:1: no key is named `interfaces`",
        ),
        ("# later\n", "r.toml: there is no [[rule]] in it"),
    ] {
        let said = said(rules_file(text, "r.toml"));
        assert!(said[0].starts_with(expected), "{said:?}");
    }
}

const WHOLE: &str = r#"
interfaces = ["eth0", "veth*"]
not = "veth-lab*"
hook = "tcx"
direction = "inout"
interval = "500ms"
listen = ["[::1]:9977", "unix:/run/probe.sock", "systemd"]
web_config = "/etc/probe/web.yml"
user = "nobody"

[health]
ports = [80, "443", "53/udp", 80]
max_records = 5000
max_connections = 20000
slow = "200ms"
filter = "net 192.0.2.0/24"

[[rule]]
name = "syn"
filter = "@syn and dst port 80"
sample = 1000
by = ["src", "src/24"]
top = 20
distinct = ["src"]

[[record]]
rule = "syn"
last = "30s"
when = "rate > 50k/s for 2s"
after = "90s"
directory = "/var/lib/probe"
max_files = 30
max_bytes = "64M"
snaplen = 96
buffer_size = "8M"
command = "zstd"
"#;

#[test]
fn a_whole_configuration_comes_back_from_its_text() {
    let config = Config::parse(WHOLE, "probe.toml").unwrap();
    assert_eq!(config.interval, Duration::from_millis(500));
    let services = ["80", "443", "53/udp"].map(|it| it.parse().unwrap()).to_vec();
    let (slow, filter) = (Duration::from_millis(200), "net 192.0.2.0/24".to_owned());
    let (most, most_records, most_connections) = (20, 5000, 20_000);
    let expected = Settings { services, most, filter, most_records, most_connections, slow };
    assert_eq!(config.health, Some(expected));
    assert_eq!(config.records[0].keep.after, Duration::from_secs(90));
    let record = &config.records[0];
    assert_eq!(
        (record.keep.max_files, record.keep.max_bytes, record.keep.snaplen),
        (30, 64 << 20, 96)
    );
    assert_eq!(record.keep.ring_bytes, Some(8 << 20));
    assert_eq!(config.listen[1], Listen::Unix("/run/probe.sock".into()));
    let mut again = Config::parse(&config.text().unwrap(), "probe.toml").unwrap();
    // Where a rule stands is another place.
    again.rules[0].place = config.rules[0].place.clone();
    assert_eq!(again, config);
}

#[test]
fn what_a_rule_samples_comes_back_from_its_text() {
    for keys in
        ["sample = 7", "max_rate = 100", "sample_flows = 1000", "sample = 3\nsample_flows = 7"]
    {
        let text = format!("interfaces = \"lo\"\n[[rule]]\nname = \"a\"\nfilter = \"\"\n{keys}\n");
        let config = Config::parse(&text, "p.toml").unwrap();
        let again = Config::parse(&config.text().unwrap(), "p.toml").unwrap();
        assert_eq!(again.rules[0].sampler, config.rules[0].sampler, "{keys}");
    }
}

#[test]
fn what_is_not_said_has_a_default() {
    let text = "interfaces = \"lo\"\n[[rule]]\nname = \"all\"\nfilter = \"\"\n";
    let config = Config::parse(text, "probe.toml").unwrap();
    let expected = (Choice::Auto, Direction::In, Duration::from_secs(1));
    assert_eq!((config.hook, config.direction, config.interval), expected);
    assert_eq!(config.listen, [Listen::Tcp(([127, 0, 0, 1], 9977).into())]);
    assert_eq!((config.user, config.health, config.records), (None, None, Vec::new()));
}

#[test]
fn health_without_ports_is_of_the_busiest() {
    let text = "interfaces = \"lo\"\n[health]\ntop = 7\n";
    let config = Config::parse(text, "p.toml").unwrap();
    // What is always on costs less than what somebody looks at.
    let expected =
        Settings { most: 7, most_records: 1_500, most_connections: 8_192, ..Settings::default() };
    assert_eq!(config.health, Some(expected));
    assert_eq!(Config::parse(&config.text().unwrap(), "p.toml").unwrap(), config);
}

#[test]
fn all_mistakes_of_a_configuration_at_once() {
    let text = r#"interface = ["eth0"]
hook = "xdp"
direction = "out"
listen = "localhost"
interval = "soon"

[[rule]]
name = "syn"
filter = "@sny"

[[rule]]
name = "b"
filter = "tcp prt 80"

[health]
ports = [80, 70000]
top = 5
filter = "tcp prt 80"

[[record]]
rule = "sin"
last = "30s"
when = "rate > 1/s"
"#;
    let said = said(Config::parse(text, "p.toml"));
    let expected = [
        "p.toml:1:1: no interface is named",
        "p.toml:1:1: no key is named `interface`: did you mean `interfaces`?",
        "p.toml:3:13: direction: xdp sees received frames only",
        "p.toml:4:10: listen: expected an address and a port",
        "p.toml:5:12: interval: ",
        "p.toml:9:10: rule syn: ",
        "p.toml:13:10: rule b: ",
        "p.toml:16:14: ports: expected a port from 1 to 65535, such as 80 or 53/udp",
        "p.toml:17:7: top is for [health] without ports",
        "p.toml:18:10: filter: ",
        "p.toml:20:1: [[record]] has no `directory`",
    ];
    let heads: Vec<&String> = said.iter().filter(|line| line.starts_with("p.toml:")).collect();
    assert_eq!(heads.len(), expected.len(), "{said:#?}");
    for (line, expected) in heads.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}: {expected}");
    }
}

#[test]
fn what_a_record_may_say() {
    let read = |record: &str| {
        let rules =
            "[[rule]]\nname = \"a\"\nfilter = \"\"\n[[rule]]\nname = \"b\"\nfilter = \"\"\n";
        let text = format!("interfaces = \"lo\"\n{rules}[[record]]\nrule = \"b\"\n{record}");
        Config::parse(&text, "p.toml")
    };
    let all = "last = \"1s\"\ndirectory = \"/tmp\"\n";
    let record = read(all).unwrap().records.remove(0);
    assert_eq!((record.when.len(), record.keep.max_files, record.keep.max_bytes), (0, 20, 1 << 30));
    assert_eq!((record.keep.snaplen, record.keep.ring_bytes), (probe_frame::MAX_FRAME, None));
    // Without a name it is the recorder's own rule.
    let when = "when = [\"rate > 5/s\", \"share of a > 5%\"]\n";
    let config = read(&format!("{all}{when}")).unwrap();
    let names: Vec<&str> = config.rules.iter().map(|rule| rule.name.as_str()).collect();
    let own = crate::condition::parse_of("rate > 5/s", &names, 1, None).unwrap();
    assert_eq!(config.records[0].when[0], own);
    for (record, expected) in [
        (format!("{all}when = \"rate > 5\"\n"), "p.toml:12:8: when: this bound lacks its time"),
        (
            format!("{all}max_files = 0\n"),
            "p.toml:12:13: max_files: expected a whole number from 1",
        ),
        (format!("{all}max_bytes = 7\n"), "p.toml:12:13: max_bytes: expected a text in quotes"),
        (format!("{all}buffer = \"1M\"\n"), "p.toml:12:1: no key is named `buffer`"),
        (
            format!("{all}[[record]]\nrule = \"b\"\n{all}"),
            "p.toml:12:1: the rule b has a [[record]] already",
        ),
    ] {
        let said = said(read(&record));
        assert!(said[0].starts_with(expected), "{said:?}: {expected}");
    }
}

/// Where TOML itself is damaged, what could be read is still looked at.
#[test]
fn damaged_documents_are_read_as_far_as_they_go() {
    let text = "interfaces = [\"eth0\"\nhook = \"nic\"\n[[rule]]\nname = \"a\"\nfilter = \"\"\n";
    let said = said(Config::parse(text, "p.toml"));
    assert!(said[0].starts_with("p.toml:"), "{said:?}");
}

/// The configurations that are given away, and the default of the package with its examples taken in.
#[test]
fn those_that_are_given_away() {
    let deploy = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/");
    let text = |name: &str| std::fs::read_to_string(format!("{deploy}{name}")).unwrap();
    for name in ["probe.toml", "kubernetes/probe.toml"] {
        Config::parse(&text(name), name).unwrap();
    }
    // Nothing is watched until somebody says what.
    let default = text("debian/probe.toml");
    let said = said(Config::parse(&default, "p.toml"));
    assert!(said[0].starts_with("p.toml:1:1: no interface is named"), "{said:?}");
    let examples: Vec<&str> = (default.lines())
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .collect();
    let config = Config::parse(&examples.join("\n"), "p.toml").unwrap();
    assert_eq!(config.rules.len(), 3);
}
