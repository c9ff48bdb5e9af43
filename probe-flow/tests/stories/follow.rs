//! Runs frames through a tracker, and keeps what it tells.

use probe_flow::{Connection, DnsExchange, Event, HttpExchange, Limits, Tracker};
use probe_frame::{Frame, LinkType, WallTime};
use testbed::Conversation;

/// What was told.
#[derive(Default)]
pub struct Told {
    /// The names of all events, in order.
    pub events: Vec<&'static str>,
    /// Connections as they ended.
    pub ended: Vec<Connection>,
    /// Requests in the order in which they were complete.
    pub requests: Vec<HttpExchange>,
    /// Questions to name servers.
    pub lookups: Vec<DnsExchange>,
}

impl Told {
    pub fn take(&mut self, event: Event<'_>) {
        self.events.push(match event {
            Event::Started(_) => "started",
            Event::Answered(_) => "answered",
            Event::Opened(_) => "opened",
            Event::FirstByte(_) => "first byte",
            Event::Ended(connection) => {
                self.ended.push(connection.clone());
                "ended"
            }
            Event::Request(_, exchange) => {
                self.requests.push(exchange.clone());
                "request"
            }
            Event::Lookup(_, exchange) => {
                self.lookups.push(exchange.clone());
                "lookup"
            }
            Event::Hellos(..) => "hellos",
            other => panic!("{other:?}"),
        });
    }
}

pub fn ethernet(time: u64, bytes: &[u8]) -> Frame<'_> {
    Frame {
        time: WallTime(time),
        wire_len: bytes.len() as u32,
        link: LinkType::Ethernet,
        bytes,
        ifindex: 0,
        outbound: None,
    }
}

/// All of a conversation, and the end of the capture.
pub fn told(talk: &Conversation) -> Told {
    let mut told = Told::default();
    let mut tracker = Tracker::new(Limits::default());
    let mut sink = |event: Event<'_>| told.take(event);
    for (time, bytes) in &talk.frames {
        tracker.frame(&ethernet(*time, bytes), &mut sink);
    }
    tracker.finish(&mut sink);
    told
}

/// The one connection of a conversation.
pub fn followed(talk: &Conversation) -> Connection {
    let mut told = told(talk);
    assert_eq!(told.ended.len(), 1, "{:#?}", told.ended);
    told.ended.remove(0)
}
