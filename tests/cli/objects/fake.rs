//! An object store on loopback that keeps what it is sent by path, and fails as it is told to.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The bucket that is there.
pub(crate) const BUCKET: &str = "bucket";

/// How a store answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As it should.
    Fine,
    /// So many requests are answered with 500.
    Broken(usize),
    /// With 403, and the request with everything in it, as some do.
    Refusing,
    /// As it should for so many objects, and never again.
    GoneAfter(usize),
}

#[derive(Clone)]
pub(crate) struct Fake {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    objects: BTreeMap<String, Vec<u8>>,
    mood: Mood,
    requests: usize,
}

struct Request {
    method: String,
    path: String,
    head: String,
    body: Vec<u8>,
}

impl Fake {
    pub(crate) fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { objects: BTreeMap::new(), mood, requests: 0 };
        let fake = Self { address, state: Arc::new(Mutex::new(state)) };
        let server = fake.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let server = server.clone();
                // A client that goes away is no matter.
                std::thread::spawn(move || drop(server.serve(&stream.unwrap())));
            }
        });
        fake
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What is kept, by the path behind the bucket.
    pub(crate) fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state.lock().unwrap();
        let bare = |path: &String| path.split_once(&format!("/{BUCKET}/")).unwrap().1.to_owned();
        state.objects.iter().map(|(path, bytes)| (bare(path), bytes.clone())).collect()
    }

    pub(crate) fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }

    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        while let Some(request) = read(&mut reader)? {
            let Some((status, body)) = self.answer(&request) else { return Ok(()) };
            let mut stream = stream;
            write!(
                stream,
                "HTTP/1.1 {status}\r\nETag: \"1\"\r\nLast-Modified: Mon, 05 Jan 2026 11:00:00 GMT\r\n\
                 Content-Length: {}\r\n\r\n",
                body.len()
            )?;
            stream.write_all(&body)?;
        }
        Ok(())
    }

    /// Nothing where nobody answers.
    fn answer(&self, request: &Request) -> Option<(&'static str, Vec<u8>)> {
        let mut state = self.state.lock().unwrap();
        state.requests += 1;
        let error = |code: &str, message: &str| {
            let text = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
            text.into_bytes()
        };
        match state.mood {
            Mood::Broken(0) => state.mood = Mood::Fine,
            Mood::Broken(times) => {
                state.mood = Mood::Broken(times - 1);
                return Some(("500 Internal Server Error", error("InternalError", "Try again.")));
            }
            Mood::Refusing => {
                return Some(("403 Forbidden", error("AccessDenied", &request.head)));
            }
            Mood::GoneAfter(objects) if state.objects.len() >= objects => return None,
            Mood::Fine | Mood::GoneAfter(_) => {}
        }
        if !request.path.contains(&format!("/{BUCKET}/")) {
            return Some(("404 Not Found", error("NoSuchBucket", "There is no such bucket.")));
        }
        match request.method.as_str() {
            "PUT" => {
                state.objects.insert(request.path.clone(), request.body.clone());
                // Azure says 201; all three take it.
                Some(("201 Created", Vec::new()))
            }
            _ => Some(match state.objects.get(&request.path) {
                Some(bytes) => ("200 OK", bytes.clone()),
                None => ("404 Not Found", error("NoSuchKey", "There is no such key.")),
            }),
        }
    }
}

/// The next request; nothing if there is none.
fn read(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Option<Request>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    let mut words = head.split_whitespace();
    let (method, target) = (words.next().unwrap().to_owned(), words.next().unwrap());
    let path = unescaped(target.split_once('?').map_or(target, |(path, _)| path));
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { method, path, head, body }))
}

/// Google's client escapes all that is neither a letter nor a digit.
fn unescaped(path: &str) -> String {
    let mut parts = path.split('%');
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        plain.push(char::from(u8::from_str_radix(&part[..2], 16).unwrap()));
        plain += &part[2..];
    }
    plain
}
