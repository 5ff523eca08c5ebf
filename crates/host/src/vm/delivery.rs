//! The way of a piece through the filter, and what the filter set off.

use super::{Vm, VmTrapped};
use crate::local_reply::LocalReply;
use crate::state::Deferred;
use crate::stream::{Life, Part, Piece, Side, Stream, StreamId, Verdict};

impl Vm {
    pub(super) fn open_stream(&mut self) -> Result<StreamId, VmTrapped> {
        self.last_context += 1;
        let context = self.last_context;
        let started = self.now();
        let stream = Stream::new(started, self.connection.clone());
        self.store.data_mut().streams.insert(context, stream);
        self.on_context_create(context)?;
        self.settle()?;
        Ok(StreamId(context))
    }

    pub(super) fn deliver(&mut self, id: StreamId, side: Side, piece: Piece) -> Result<(), VmTrapped> {
        self.show(id.0, side, piece)?;
        self.settle()
    }

    /// Does what the filter asked for, until it asks for nothing more.
    pub(super) fn settle(&mut self) -> Result<(), VmTrapped> {
        while let Some(deferred) = self.store.data_mut().deferred.pop_front() {
            match deferred {
                Deferred::Finish(id) => self.finish(id)?,
                Deferred::LocalReply(id, reply) => self.reply(id, reply)?,
                Deferred::Reset(id) => self.reset(id)?,
                Deferred::Resume(id, side) => self.resume(id, side)?,
            }
        }
        Ok(())
    }

    /// Shows a piece to the filter, and does with it what the filter says.
    fn show(&mut self, id: u32, side: Side, piece: Piece) -> Result<(), VmTrapped> {
        let Some(stream) = self.running(id) else { return Ok(()) };
        if side == Side::Request && stream.reply.is_some() {
            // What still arrives of an answered request goes nowhere.
            return Ok(());
        }
        let Some(accepted) = stream.flow(side).accept(piece) else { return Ok(()) };
        let (part, _, _) = accepted;
        let returned = self.on_piece(id, side, accepted)?;
        let verdict = self.verdict(part, returned);
        let Some(stream) = self.running(id) else { return Ok(()) };
        stream.flow(side).apply(verdict);
        self.finish_if_answered(id);
        Ok(())
    }

    fn verdict(&self, part: Part, returned: u32) -> Verdict {
        let stopped = self.store.data().stop_iteration;
        match (part, returned) {
            (Part::Headers, _) if stopped => Verdict::HoldAll,
            (Part::Body, _) if stopped => Verdict::Drop,
            (Part::Trailers, _) if stopped => Verdict::Hold,
            (_, 0) => Verdict::Continue,
            (Part::Headers, 1) if self.allow_on_headers_stop_iteration => Verdict::Hold,
            (Part::Headers, _) => Verdict::HoldAll,
            (Part::Body, 1 | 2) => Verdict::Hold,
            (Part::Body, _) => Verdict::Drop,
            (Part::Trailers, _) => Verdict::Hold,
        }
    }

    fn resume(&mut self, id: u32, side: Side) -> Result<(), VmTrapped> {
        let Some(stream) = self.running(id) else { return Ok(()) };
        if side == Side::Request && stream.reply.is_some() {
            return Ok(());
        }
        let unseen = stream.flow(side).resume();
        for piece in unseen {
            self.show(id, side, piece)?;
        }
        self.finish_if_answered(id);
        Ok(())
    }

    fn reply(&mut self, id: u32, reply: LocalReply) -> Result<(), VmTrapped> {
        let Some(stream) = self.running(id) else { return Ok(()) };
        if stream.reply.is_some() {
            // The first answer stands.
            return Ok(());
        }
        let wire = reply.on_the_wire(&stream.request.headers);
        stream.reply = Some(reply);
        stream.request.abandon();
        if stream.response.passed.is_some() {
            // The client has the head of another answer already.
            return self.reset(id);
        }
        if stream.response.has_begun() {
            stream.response.bypass(wire.headers, wire.body);
            self.finish_if_answered(id);
            return Ok(());
        }
        let end = wire.body.is_empty();
        self.show(id, Side::Response, Piece::Headers(wire.headers, end))?;
        if end {
            return Ok(());
        }
        self.show(id, Side::Response, Piece::Body(wire.body, true))
    }

    fn reset(&mut self, id: u32) -> Result<(), VmTrapped> {
        let Some(stream) = self.running(id) else { return Ok(()) };
        stream.reset = true;
        self.finish(id)
    }

    fn finish_if_answered(&mut self, id: u32) {
        let Some(stream) = self.running(id) else { return };
        if stream.client().is_some_and(|client| client.complete) {
            self.store.data_mut().deferred.push_back(Deferred::Finish(id));
        }
    }

    /// The last three callbacks of a stream, in Envoy's order.
    fn finish(&mut self, id: u32) -> Result<(), VmTrapped> {
        let Some(stream) = self.running(id) else { return Ok(()) };
        stream.life = Life::Finishing;
        stream.request.abandon();
        stream.logging = true;
        self.on_log(id)?;
        if let Some(stream) = self.store.data_mut().streams.get_mut(&id) {
            stream.logging = false;
            stream.request.close();
            stream.response.close();
        }
        self.on_done_and_delete(id)?;
        if let Some(stream) = self.store.data_mut().streams.get_mut(&id) {
            stream.life = Life::Over;
        }
        Ok(())
    }

    /// A stream whose end has not begun.
    fn running(&mut self, id: u32) -> Option<&mut Stream> {
        self.store.data_mut().streams.get_mut(&id).filter(|stream| stream.life == Life::Live)
    }
}
