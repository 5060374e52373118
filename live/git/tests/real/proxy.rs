//! A proxy that does to a connection what networks do.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What it does to connections that carry a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing.
    None,
    /// It never answers.
    Hangs,
    /// It passes so many bytes of the request on, and ends both sides.
    CutsRequestAfter(usize),
    /// It passes all on, waits for the answer, and ends without a word of it.
    SwallowsAnswer,
    /// It passes so many bytes of the answer back, and ends both sides.
    CutsAnswerAfter(usize),
}

/// A proxy; its thread ends with the process.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    trouble: Arc<Mutex<Trouble>>,
    pub(crate) troubled: Arc<AtomicU64>,
}

impl Proxy {
    pub(crate) fn new(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let trouble = Arc::new(Mutex::new(Trouble::None));
        let troubled = Arc::new(AtomicU64::new(0));
        let (does, counts) = (Arc::clone(&trouble), Arc::clone(&troubled));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let trouble = *does.lock().unwrap();
                let counts = Arc::clone(&counts);
                thread::spawn(move || pass(client, to, trouble, &counts));
            }
        });
        Self { port, trouble, troubled }
    }

    pub(crate) fn does(&self, trouble: Trouble) {
        *self.trouble.lock().unwrap() = trouble;
    }
}

/// Reads one request, whose length it says.
fn request(client: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut room = [0; 65_536];
    loop {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                return bytes;
            }
        }
        match client.read(&mut room) {
            Ok(0) | Err(_) => return bytes,
            Ok(count) => bytes.extend_from_slice(&room[..count]),
        }
    }
}

fn pass(mut client: TcpStream, to: u16, trouble: Trouble, troubled: &AtomicU64) {
    let request = request(&mut client);
    let trouble = if request.starts_with(b"POST") { trouble } else { Trouble::None };
    if trouble != Trouble::None {
        troubled.fetch_add(1, Ordering::SeqCst);
    }
    if trouble == Trouble::Hangs {
        // Until the client gives up.
        let _ = client.read_to_end(&mut Vec::new());
        return;
    }
    let mut server = TcpStream::connect(("127.0.0.1", to)).unwrap();
    if let Trouble::CutsRequestAfter(count) = trouble {
        let _ = server.write_all(&request[..count.min(request.len())]);
        let _ = server.shutdown(Shutdown::Both);
        let _ = client.shutdown(Shutdown::Both);
        return;
    }
    let mut answer = Vec::new();
    let _ = server.write_all(&request);
    let _ = server.read_to_end(&mut answer);
    let end = match trouble {
        Trouble::None | Trouble::Hangs | Trouble::CutsRequestAfter(_) => answer.len(),
        Trouble::SwallowsAnswer => 0,
        Trouble::CutsAnswerAfter(count) => count.min(answer.len()),
    };
    let _ = client.write_all(&answer[..end]);
    let _ = client.shutdown(Shutdown::Both);
}
