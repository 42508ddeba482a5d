use core_loop::{Security, SendRoom, Wire};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

/// The client's end of a simulated connection.
#[derive(Debug, Clone)]
pub struct Client(Rc<RefCell<Pipe>>);

/// The tracker's end.
#[derive(Debug)]
pub(super) struct SimulatedWire(pub(super) Client);

#[derive(Debug)]
struct Pipe {
    remote: IpAddr,
    security: Security,
    to_tracker: VecDeque<u8>,
    client: ClientEnd,
    from_tracker: Vec<u8>,
    tracker_has_ended: bool,
    is_closed: bool,
    /// How many bytes from the tracker there is room for.
    room: usize,
    /// Whether the tracker has an event to see.
    has_event: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientEnd {
    Open,
    /// It sends no more.
    Ended,
    /// Reads and writes of the tracker fail.
    Broken,
}

impl Client {
    /// Creates a client that has room for this many bytes until it reads some.
    #[must_use]
    pub fn with_room(room: usize) -> Self {
        Self(Rc::new(RefCell::new(Pipe {
            remote: Ipv4Addr::new(192, 0, 2, 200).into(),
            security: Security::Plain,
            to_tracker: VecDeque::new(),
            client: ClientEnd::Open,
            from_tracker: Vec::new(),
            tracker_has_ended: false,
            is_closed: false,
            room,
            has_event: false,
        })))
    }

    /// Lets it connect from another address.
    #[must_use]
    pub fn at(self, remote: IpAddr) -> Self {
        self.0.borrow_mut().remote = remote;
        self
    }

    /// Lets it connect to a listener with TLS.
    #[must_use]
    pub fn over_tls(self) -> Self {
        self.0.borrow_mut().security = Security::Tls;
        self
    }

    /// Sends bytes.
    pub fn send(&self, bytes: &[u8]) {
        self.0.borrow_mut().to_tracker.extend(bytes);
        self.note_event();
    }

    /// Sends no more.
    pub fn end(&self) {
        self.0.borrow_mut().client = ClientEnd::Ended;
        self.note_event();
    }

    /// Makes all further reads and writes of the tracker fail.
    pub fn break_off(&self) {
        self.0.borrow_mut().client = ClientEnd::Broken;
        self.note_event();
    }

    /// Reads everything that has come, which makes room for as much.
    #[must_use]
    pub fn read(&self) -> Vec<u8> {
        let mut read = Vec::new();
        self.read_to(&mut read);
        read
    }

    /// Like [`Self::read`], but appends to a buffer. Does not allocate if that has room.
    pub fn read_to(&self, buffer: &mut Vec<u8>) {
        let read = self.take_to(buffer);
        self.make_room(read);
    }

    /// Like [`Self::read_to`], but makes no room. Returns the number of bytes.
    pub fn take_to(&self, buffer: &mut Vec<u8>) -> usize {
        let pipe = &mut *self.0.borrow_mut();
        let taken = pipe.from_tracker.len();
        buffer.append(&mut pipe.from_tracker);
        taken
    }

    /// Makes room for this many more bytes.
    pub fn make_room(&self, bytes: usize) {
        let pipe = &mut *self.0.borrow_mut();
        // As with a socket, there is an event only if there was no room.
        pipe.has_event |= pipe.room == 0 && bytes > 0;
        pipe.room = pipe.room.saturating_add(bytes);
    }

    /// Returns the number of sent bytes that the tracker has not read.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.0.borrow().to_tracker.len()
    }

    /// Returns whether the tracker sends no more.
    #[must_use]
    pub fn has_seen_the_end(&self) -> bool {
        self.0.borrow().tracker_has_ended
    }

    /// Returns whether the tracker has closed the connection.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.borrow().is_closed
    }

    /// Returns the address that it connects from, and the kind of listener that it connects to.
    pub(super) fn origin(&self) -> (IpAddr, Security) {
        let pipe = self.0.borrow();
        (pipe.remote, pipe.security)
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
        let readable = !pipe.to_tracker.is_empty() || pipe.client != ClientEnd::Open;
        has_event.then_some((readable, pipe.client == ClientEnd::Ended))
    }
}

impl Wire for SimulatedWire {
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let pipe = &mut *self.0.0.borrow_mut();
        if pipe.client == ClientEnd::Broken {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if pipe.to_tracker.is_empty() && pipe.client == ClientEnd::Open {
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
        assert!(!pipe.tracker_has_ended, "nothing is sent after the end");
        if pipe.client == ClientEnd::Broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let sent = bytes.len().min(pipe.room);
        if sent == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        pipe.room -= sent;
        pipe.from_tracker.extend_from_slice(&bytes[..sent]);
        Ok(sent)
    }

    fn end_sending(&mut self) {
        let had_ended = std::mem::replace(&mut self.0.0.borrow_mut().tracker_has_ended, true);
        assert!(!had_ended, "the sending side ends once");
    }

    fn discard_unsent(&mut self) {}

    /// The room is as the test chose it.
    fn use_send_room(&mut self, _room: SendRoom) {}
}

impl Drop for SimulatedWire {
    fn drop(&mut self) {
        self.0.0.borrow_mut().is_closed = true;
    }
}
