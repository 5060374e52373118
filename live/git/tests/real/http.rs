//! An HTTP client that is just enough: HTTP/1.1, one request for each connection.

use std::io::{self, Cursor, Read, Write};
use std::net::TcpStream;

use periplus_git::{Http, HttpFault, Method, Request, Response, Sent};

pub(crate) struct Plain;

impl Http for Plain {
    fn send(&self, request: &Request<'_>) -> Result<Response, HttpFault> {
        let fault = |sent, found: io::Error| HttpFault { sent, why: found.to_string() };
        let rest = request.url.strip_prefix("http://").unwrap();
        let (host, path) = rest.split_once('/').unwrap();
        let mut stream = TcpStream::connect(host).map_err(|found| fault(Sent::No, found))?;
        stream.set_read_timeout(Some(request.deadline)).unwrap();
        stream.set_write_timeout(Some(request.deadline)).unwrap();
        let method = match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        let mut head =
            format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        head +=
            &format!("Accept: {}\r\nContent-Length: {}\r\n", request.accept, request.body.len());
        if let Some(kind) = request.content_type {
            head += &format!("Content-Type: {kind}\r\n");
        }
        if let Some(secret) = request.authorization {
            head += &format!("Authorization: {}\r\n", secret.expose());
        }
        head += "\r\n";
        let told = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(request.body));
        told.map_err(|found| fault(Sent::No, found))?;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        response(&answer, read.as_ref().err()).ok_or_else(|| {
            let cut = io::Error::other("the connection ended before an answer");
            fault(Sent::Perhaps, read.err().unwrap_or(cut))
        })
    }
}

fn response(answer: &[u8], broken: Option<&io::Error>) -> Option<Response> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let header = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(one, _)| one.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    let body = &answer[end + 4..];
    let length = header("content-length").and_then(|length| length.parse().ok());
    let (body, whole) = match length {
        Some(length) if body.len() < length => (body.to_vec(), false),
        Some(length) => (body[..length].to_vec(), true),
        None if header("transfer-encoding") == Some("chunked") => chunked(body),
        None => (body.to_vec(), broken.is_none()),
    };
    let content_type = header("content-type").unwrap_or("").to_owned();
    let body: Box<dyn Read + Send> =
        if whole { Box::new(Cursor::new(body)) } else { Box::new(Cursor::new(body).chain(Cut)) };
    Some(Response { status, content_type, body })
}

fn chunked(mut body: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    loop {
        let Some(end) = body.windows(2).position(|window| window == b"\r\n") else {
            return (out, false);
        };
        let digits = std::str::from_utf8(&body[..end]).unwrap_or("");
        let Ok(length) = usize::from_str_radix(digits.trim(), 16) else { return (out, false) };
        if length == 0 {
            return (out, true);
        }
        let Some(chunk) = body.get(end + 2..end + 2 + length) else { return (out, false) };
        out.extend_from_slice(chunk);
        body = body.get(end + 4 + length..).unwrap_or(&[]);
    }
}

/// Where a body was cut.
struct Cut;

impl Read for Cut {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the body was cut"))
    }
}
