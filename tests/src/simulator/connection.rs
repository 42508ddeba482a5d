use core_loop::Wire;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::rc::Rc;

/// The client's end of a simulated connection.
#[derive(Debug, Clone, Default)]
pub struct Client(Rc<RefCell<Pipe>>);

/// The tracker's end.
#[derive(Debug)]
pub(super) struct SimulatedWire(pub(super) Client);

#[derive(Debug, Default)]
struct Pipe {
    to_tracker: VecDeque<u8>,
    client_has_ended: bool,
    from_tracker: Vec<u8>,
    /// How many bytes from the tracker there is room for.
    room: usize,
    is_closed: bool,
    /// Whether the tracker has an event to see.
    has_event: bool,
}

impl Client {
    /// Creates a client that has room for this many bytes until it reads some.
    pub(super) fn with_room(room: usize) -> Self {
        Self(Rc::new(RefCell::new(Pipe { room, ..Pipe::default() })))
    }

    /// Sends bytes.
    pub fn send(&self, bytes: &[u8]) {
        self.0.borrow_mut().to_tracker.extend(bytes);
        self.note_event();
    }

    /// Sends no more.
    pub fn end(&self) {
        self.0.borrow_mut().client_has_ended = true;
        self.note_event();
    }

    /// Reads everything that has come, which makes room for as much.
    #[must_use]
    pub fn read(&self) -> Vec<u8> {
        let pipe = &mut *self.0.borrow_mut();
        let read = std::mem::take(&mut pipe.from_tracker);
        // As with a socket, there is an event only if there was no room.
        pipe.has_event |= pipe.room == 0 && !read.is_empty();
        pipe.room += read.len();
        read
    }

    /// Returns whether the tracker has closed the connection.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.borrow().is_closed
    }

    pub(super) fn has_event(&self) -> bool {
        let pipe = self.0.borrow();
        pipe.has_event && !pipe.is_closed
    }

    pub(super) fn note_event(&self) {
        self.0.borrow_mut().has_event = true;
    }

    /// Takes the tracker's event: whether there is something to read, and whether the client has ended.
    pub(super) fn take_event(&self) -> Option<(bool, bool)> {
        let pipe = &mut *self.0.borrow_mut();
        let has_event = std::mem::take(&mut pipe.has_event) && !pipe.is_closed;
        has_event.then_some((!pipe.to_tracker.is_empty() || pipe.client_has_ended, pipe.client_has_ended))
    }
}

impl Wire for SimulatedWire {
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let pipe = &mut *self.0.0.borrow_mut();
        if pipe.to_tracker.is_empty() && !pipe.client_has_ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        let bytes = into.len().min(pipe.to_tracker.len());
        for (byte, sent) in into.iter_mut().zip(pipe.to_tracker.drain(..bytes)) {
            *byte = sent;
        }
        Ok(bytes)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let pipe = &mut *self.0.0.borrow_mut();
        let sent = bytes.len().min(pipe.room);
        if sent == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        pipe.room -= sent;
        pipe.from_tracker.extend_from_slice(&bytes[..sent]);
        Ok(sent)
    }

    fn end_sending(&mut self) {}

    fn discard_unsent(&mut self) {}
}

impl Drop for SimulatedWire {
    fn drop(&mut self) {
        self.0.0.borrow_mut().is_closed = true;
    }
}
