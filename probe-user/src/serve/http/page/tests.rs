use super::*;

/// A snapshot with one of everything, each text of which would be a command somewhere.
const EVERYTHING: &str = r#"{"version":1,"time":"2026-11-21T07:00:01.000Z","elapsed":90061.0,
"final":false,"hook":"tcx","interfaces":["eth0","<b>"],"seen":{"packets":1234567,"bytes":98765432},
"rules":[{"name":"<script>alert(1)</script>","filter":"payload \"<img src=x onerror=alert(1)>\"",
 "packets":1000,"bytes":60000,"pps":1000.0,"bps":480000.0,
 "top":[{"by":"src","keys":[{"key":"192.0.2.1","name":"a&b\u001bexample","packets":600,"bytes":36000,
  "low":500,"high":700,"share":0.6,"pps":600.0,"bps":288000.0}],"other":{"packets":400},"refused":0,
  "without":7}],
 "distinct":[{"by":"src","estimate":100,"low":98,"high":103,"interval":20,"minute":90,"missed":0}]}],
"lost":[{"cause":"lost_in_ring","frames":3},{"cause":"refused","frames":0}],
"ports":[{"port":80,"protocol":"tcp","verdict":"flooded","why":"9 of 10 & <i>more</i>","connections":10,
 "syn":10,"answered":8,"completed":1,"unanswered":2,"half_open":6,"refused":1,"rejected":0,"retransmitted":0,
 "syn_per_second":12.1,
 "handshake_us":{"p50":43.0,"p90":61.5,"p99":1200.0,"n":1},"first_byte_us":{"p50":0,"p90":0,"p99":0,"n":0},
 "http":{"2xx":1}}],
"recorders":[{"rule":"syn","state":"armed","files":2,"last_file":"\"x\".pcapng","held_seconds":29.5,
 "overwritten":12}]}"#;

fn page(snapshot: &str) -> String {
    document(&serde_json::from_str(snapshot).unwrap()).into_string()
}

#[test]
fn what_comes_from_elsewhere_is_text() {
    let page = page(EVERYTHING);
    for text in [
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "payload &quot;&lt;img src=x onerror=alert(1)&gt;&quot;",
        "eth0, &lt;b&gt; (tcx)",
        "9 of 10 &amp; &lt;i&gt;more&lt;/i&gt;",
        "&quot;x&quot;.pcapng",
        "data-rule=\"&lt;script&gt;",
        // A control character is shown.
        "a&amp;b^[example",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert_eq!(page.matches("<script").count(), 1, "{page}");
    // Nothing that the policy forbids.
    for forbidden in [" style=", "javascript:", "http:", "https:", "//", " on"] {
        let html = page.replace("onerror", "").replace("1 on", "");
        assert!(!tags(&html).any(|tag| tag.contains(forbidden)), "{forbidden}: {page}");
    }
}

fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default())
}

#[test]
fn every_part_says_what_there_is() {
    let page = page(EVERYTHING);
    for text in [
        "<dd>1,234,567</dd>",
        "<dd>98.8 MB</dd>",
        "<dd class=\"bad\">3</dd>",
        "<dd>1 d 1 h</dd>",
        "<td>1000</td><td>480k</td><td class=\"wide\">1,000</td><td class=\"wide\">60.0 kB</td>",
        "<td>60.0 %</td>",
        // From 500 to 700 of 600, which is 0.6: of the longest bar, 0.7.
        "<rect class=\"value\" width=\"85.7\" height=\"8\"></rect>\
         <path class=\"interval\" d=\"M71.4 4H100.0\"></path>",
        "400 frames of others; 7 without this key",
        "<td>20</td><td>90</td><td>100</td><td class=\"wide\">98 and 103</td>",
        "<span class=\"verdict bad\">flooded</span>",
        "aria-label=\"1 completed, 8 not answered or not completed, 1 refused\"",
        "<td>1 of 10</td><td class=\"wide\">6</td><td class=\"wide\">0.04 / 1.20 ms</td>\
         <td class=\"wide\">–</td><td class=\"wide\"><div>2xx 1</div></td>",
        "3 frames that were to be copied were lost",
        "lost in ring</th><td>3</td>",
        "<span class=\"verdict good\">armed</span></td><td>29.5 s</td><td>2</td>",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("<li class=\"none\""), "{page}");
}

/// What is not configured is not shown; the parts are there all the same, for the module.
#[test]
fn what_there_is_not_is_hidden() {
    let page = page(
        r#"{"time":"","elapsed":0,"hook":"","interfaces":[],"seen":{"packets":0,"bytes":0},"lost":[],
            "rules":[{"name":"all","filter":"","packets":0,"bytes":0,"pps":0,"bps":0}]}"#,
    );
    for id in ["sources", "distinct", "ports", "recorders"] {
        assert!(page.contains(&format!("<section id=\"{id}\" class=\"none\"")), "{id}: {page}");
    }
    assert!(page.contains("<section id=\"losses\" class=\"\""), "{page}");
    assert!(page.contains("No frame was lost."), "{page}");
    assert!(page.contains("probe: no interface"), "{page}");
}
