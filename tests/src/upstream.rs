//! Upstream trackers that behave well or badly, as a test wants, over UDP and HTTP.

mod behavior;
mod http;
mod received;
mod udp;

pub use self::behavior::{Answer, Behavior};
pub use self::received::Received;

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a thread may take to notice that its upstream tracker is dropped.
const TICK: Duration = Duration::from_millis(50);

/// A running upstream tracker. It ends when this is dropped.
#[derive(Debug)]
pub struct Upstream {
    scheme: &'static str,
    address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

/// What its threads share.
#[derive(Debug)]
struct State {
    behavior: Mutex<Behavior>,
    received: Mutex<Vec<Received>>,
    ended: AtomicBool,
}

impl Upstream {
    /// Starts one over UDP at a free port of this address.
    ///
    /// # Panics
    /// If no port can be bound.
    #[must_use]
    pub fn udp(ip: &str, behavior: Behavior) -> Self {
        let socket = UdpSocket::bind((ip, 0)).expect("a free port");
        socket.set_read_timeout(Some(TICK)).expect("a timeout");
        let address = socket.local_addr().expect("a bound socket has an address");
        Self::start("udp", address, behavior, move |state| udp::serve(&socket, state))
    }

    /// Starts one over HTTP at a free port of this address.
    ///
    /// # Panics
    /// If no port can be bound.
    #[must_use]
    pub fn http(ip: &str, behavior: Behavior) -> Self {
        let listener = TcpListener::bind((ip, 0)).expect("a free port");
        let address = listener.local_addr().expect("a listener has an address");
        Self::start("http", address, behavior, move |state| http::serve(&listener, state))
    }

    fn start(
        scheme: &'static str,
        address: SocketAddr,
        behavior: Behavior,
        serve: impl FnOnce(&Arc<State>) + Send + 'static,
    ) -> Self {
        let (received, ended) = (Mutex::default(), AtomicBool::new(false));
        let state = Arc::new(State { behavior: Mutex::new(behavior), received, ended });
        let shared = Arc::clone(&state);
        let thread = Some(std::thread::spawn(move || serve(&shared)));
        Self { scheme, address, state, thread }
    }

    /// Returns where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its URI with this path and query.
    #[must_use]
    pub fn uri(&self, target: &str) -> String {
        format!("{}://{}{target}", self.scheme, self.address)
    }

    /// Makes it behave differently from its next answer on.
    pub fn set(&self, behavior: Behavior) {
        *lock(&self.state.behavior) = behavior;
    }

    /// Returns the announces that it has received so far, whether it answered them or not. Those that
    /// a client repeated over UDP count once.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state.received).clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        if self.scheme == "http" {
            // It wakes the thread of the listener.
            drop(TcpStream::connect(self.address));
        }
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed.
            drop(thread.join());
        }
    }
}

impl State {
    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    fn behavior(&self) -> Behavior {
        lock(&self.behavior).clone()
    }

    fn note(&self, received: Received) {
        lock(&self.received).push(received);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
