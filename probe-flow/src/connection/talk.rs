//! What the two sides say to each other, as their segments and datagrams bring it.

use probe_frame::WallTime;

use super::{Connection, Offset, Role};
use crate::{
    packet::Data,
    talk::{Progress, Progresses, Talk, Told},
};

/// What the sides say to each other.
impl Connection {
    /// Memory of what is known of the talk, in bytes.
    pub(crate) fn talk_memory(&self) -> usize {
        self.talk.as_ref().map_or(0, |talk| talk.memory())
    }

    /// Takes a segment's payload, and what it acknowledges. What it makes clear is added to `told`.
    /// Without room for more talks none is begun; the answer says if that was so.
    pub(crate) fn talk_segment(
        &mut self,
        from: Role,
        start: Option<Offset>,
        payload: Data<'_>,
        time: WallTime,
        room: bool,
        told: &mut Vec<Told>,
    ) -> bool {
        if self.unread {
            return true;
        }
        let progress = self.progress();
        let start = start.filter(|_| payload.len > 0);
        if self.talk.is_none() {
            let Some(start) = start else { return true };
            if !room {
                self.stop_reading();
                return false;
            }
            self.talk = self.begin_talk(from, start, payload.bytes).map(Box::new);
        }
        let Some(talk) = self.talk.as_mut() else { return true };
        if let Some(start) = start {
            talk.segment(from, start, payload, time, &progress, told);
        }
        talk.advance(&progress, told);
        talk.keep(told);
        if talk.is_of_no_use() {
            self.stop_reading();
        }
        true
    }

    /// As [`talk_segment`](Self::talk_segment), of a datagram.
    pub(crate) fn talk_datagram(
        &mut self,
        from: Role,
        payload: Data<'_>,
        time: WallTime,
        room: bool,
        told: &mut Vec<Told>,
    ) -> bool {
        if self.unread {
            return true;
        }
        if self.talk.is_none() {
            self.talk = Talk::of_datagrams(self.server.port()).map(Box::new);
            if self.talk.is_some() && !room {
                self.stop_reading();
                return false;
            }
        }
        let Some(talk) = self.talk.as_mut() else {
            self.unread = true;
            return true;
        };
        talk.datagram(from, payload.bytes, time, told);
        talk.keep(told);
        true
    }

    /// Gives up what waits for an answer, at the end.
    pub(crate) fn finish_talk(&mut self, told: &mut Vec<Told>) {
        let progress = self.progress();
        if let Some(talk) = self.talk.as_mut() {
            talk.finish(&progress, told);
            talk.keep(told);
        }
    }

    /// Reads no more of it, and forgets what was read.
    pub(crate) fn stop_reading(&mut self) {
        self.talk = None;
        self.unread = true;
    }

    fn begin_talk(&self, from: Role, start: Offset, first: &[u8]) -> Option<Talk> {
        if self.roles_known {
            return Some(Talk::new());
        }
        match from {
            Role::Client => Talk::from_middle(first, start, self.server_side.next),
            Role::Server => None,
        }
    }

    fn progress(&self) -> Progresses {
        [&self.client_side, &self.server_side].map(|side| Progress {
            seen: side.next,
            acked: side.acked,
            fin: side.fin,
        })
    }
}
