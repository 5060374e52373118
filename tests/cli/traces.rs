//! Traces of the service, as people begin it: by variables, and to an endpoint that is there or not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::live::{Running, SOON, ask, begun, configured};

/// What is sent to an endpoint: the head of each request, and its body.
fn endpoint() -> (String, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let (to, taken) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let to = to.clone();
            thread::spawn(move || {
                while let Some(one) = take(&stream) {
                    if to.send(one).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (at, taken)
}

/// Reads one request, and answers it.
fn take(mut stream: &TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.to_ascii_lowercase();
    let length = length.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.trim().parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    Some((head, body))
}

fn has(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Tells it to stop, and waits. Gives how long that took.
fn stop(mut running: Running) -> Duration {
    let began = Instant::now();
    let pid = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(running.0.wait().unwrap().success());
    began.elapsed()
}

#[test]
fn traces_go_where_a_variable_says_and_no_secret_is_told() {
    let (place, address) = configured("act");
    let (at, taken) = endpoint();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*at),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20a-secret-of-ours"),
        ("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=periplus-0"),
        ("OTEL_SERVICE_NAME", "our-periplus"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("RUST_LOG", "trace"),
    ];
    let running = begun(&place, &address, place.start_with(&variables, &["live"], "said"));
    assert!(ask(&place, &address, &["cordon", "cloud"]).ends_with("exit 0\n"));
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < SOON, "no turn was told of");
        let (head, body) = taken.recv_timeout(SOON).unwrap();
        assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("authorization: Bearer a-secret-of-ours\r\n"), "{head}");
        assert!(has(&body, "our-periplus") && has(&body, "periplus-0"));
        if has(&body, "desk.turn") {
            break;
        }
    }
    stop(running);
    let said = place.read("said");
    assert!(said.contains("traces are sent") && said.contains(&at), "{said}");
    assert!(!said.contains("a-secret-of-ours"), "{said}");
}

#[test]
fn an_endpoint_that_is_not_there_is_told_once_and_does_not_keep_the_service_from_its_end() {
    let (place, address) = configured("act");
    let gone = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let gone = format!("http://{gone}");
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*gone), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
    let running = begun(&place, &address, place.start_with(&variables, &["live"], "said"));
    for cluster in ["cloud", "edge-island"] {
        assert!(ask(&place, &address, &["cordon", cluster]).ends_with("exit 0\n"));
    }
    let began = Instant::now();
    while !place.read("said").contains("traces are not taken") {
        assert!(began.elapsed() < SOON, "{}", place.read("said"));
        thread::yield_now();
    }
    assert!(ask(&place, &address, &["uncordon", "cloud"]).ends_with("exit 0\n"));
    let took = stop(running);
    assert!(took < Duration::from_secs(20), "{took:?}");
    let said = place.read("said");
    assert_eq!(said.matches("traces are not taken").count(), 1, "{said}");
    // What a person must know to mend it.
    assert!(said.contains("onnection refused") || said.contains("error sending"), "{said}");
}

#[test]
fn what_is_wrong_with_a_variable_is_told_and_the_service_runs() {
    let (place, address) = configured("observe");
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:a-password@collector:4318")];
    let running = begun(&place, &address, place.start_with(&variables, &["live"], "said"));
    stop(running);
    let said = place.read("said");
    assert!(said.contains("no traces are sent: OTEL_EXPORTER_OTLP_ENDPOINT holds"), "{said}");
    assert!(!said.contains("a-password"), "{said}");
}
