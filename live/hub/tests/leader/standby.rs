//! A replica that waits answers whoever probes it, and nobody else.

use std::path::Path;

use periplus_live::api::{config::Draft, read, stand_by};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn ask(at: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_standby_is_alive_and_not_ready() {
    let config = read(&Draft::default(), Path::new("")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let asked = async {
        let alive = ask(at, "/healthz").await;
        assert!(alive.starts_with("HTTP/1.1 200") && alive.contains("\"alive\":true"), "{alive}");
        let ready = ask(at, "/readyz").await;
        assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("waits to lead"), "{ready}");
        assert!(ready.contains("\"mode\":\"standby\""), "{ready}");
        let metrics = ask(at, "/metrics").await;
        assert!(
            metrics.contains("200 OK") && metrics.contains("periplus_mode{mode=\"standby\"} 1")
        );
        assert!(!metrics.contains("periplus_standby_records"), "it keeps no copy: {metrics}");
        let other = ask(at, "/v1/apps").await;
        assert!(other.starts_with("HTTP/1.1 503") && other.contains("\"hint\""), "{other}");
        7
    };
    assert_eq!(stand_by(&listener, &config, None, asked).await.unwrap(), 7);
}
