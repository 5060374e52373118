//! TLS, certificates of clients, and what must not be open.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use periplus_live::Feed;
use periplus_live::api::{
    self, Api, Explain, Limits, Parts, Refused, ServeFault, Situation, WhyQuestion, config::Draft,
};
use periplus_live::reports::{KeyFolders, Reports};
use periplus_live::service::Wall;
use periplus_live::signals::Statuses;
use periplus_live::traces::Traces;
use periplus_support::real::until;
use reqwest::{Certificate, Client, Identity};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::rig::{OPERATE, READ, SOON};

pub(crate) struct Silent;

impl Explain for Silent {
    fn why(&self, _: &WhyQuestion) -> Result<Value, Refused> {
        Ok(Value::Null)
    }

    fn decisions(&self, _: Option<u64>, _: usize, _: Option<&str>) -> Result<Value, Refused> {
        Ok(Value::Null)
    }

    fn log(&self, _: u64, _: usize) -> Result<Vec<String>, Refused> {
        Ok(Vec::new())
    }
}

/// An API without a desk.
fn api(config: &str, folder: &Path) -> Api {
    let draft: Draft = serde_saphyr::from_str(config).unwrap();
    Api::new(Parts {
        config: api::read(&draft, folder).unwrap(),
        feed: Feed::default(),
        signals: Statuses::default(),
        clusters: None,
        applied: periplus_live::apply::Statuses::default(),
        reports: Arc::new(Reports::open(folder, KeyFolders::default()).unwrap()),
        clock: Arc::new(Wall),
        situation: watch::Sender::new(Situation::default()).subscribe(),
        explain: Arc::new(Silent),
        copies: None,
        traces: Traces::default(),
        limits: Limits::default(),
    })
}

async fn serve(api: Api, listen: &str) -> (u16, JoinHandle<Result<(), ServeFault>>) {
    let listener = TcpListener::bind(listen).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (port, tokio::spawn(api::serve(listener, api, std::future::pending())))
}

fn openssl(folder: &Path, args: &str) {
    let made = Command::new("openssl").args(args.split(' ')).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// An authority, and certificates that it has signed: of the server, and of clients with these names.
pub(crate) fn certify(folder: &Path, clients: &[&str]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/prometheus/install");
    assert!(Command::new(script).status().unwrap().success(), "{script} failed");
    let new = "req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2";
    openssl(folder, &format!("{new} -subj /CN=authority -keyout ca.key -out ca.pem"));
    let sign = |name: &str, more: &str| {
        let end = "-addext basicConstraints=critical,CA:FALSE -CA ca.pem -CAkey ca.key";
        openssl(
            folder,
            &format!(
                "{new} -subj /CN={name} {end} -addext {more} -keyout {name}.key -out {name}.pem"
            ),
        );
    };
    sign("server", "subjectAltName=IP:127.0.0.1");
    for client in clients {
        sign(client, &format!("subjectAltName=DNS:{client}"));
    }
}

fn client(folder: &Path, name: Option<&str>) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let read = |file: &str| fs::read(folder.join(file)).unwrap();
    let trusted = Certificate::from_pem(&read("ca.pem")).unwrap();
    let builder = Client::builder().no_proxy().tls_certs_only([trusted]);
    let builder = match name {
        Some(name) => {
            let pem = [read(&format!("{name}.pem")), read(&format!("{name}.key"))].concat();
            builder.identity(Identity::from_pem(&pem).unwrap())
        }
        None => builder,
    };
    builder.build().unwrap()
}

const TLS: &str = "tls: {certFile: server.pem, keyFile: server.key";

#[tokio::test]
async fn others_than_this_machine_need_tls_and_a_token() {
    let home = TempDir::new().unwrap();
    certify(home.path(), &[]);
    fs::write(home.path().join("read.token"), READ).unwrap();
    let token = "tokens: [{name: eye, role: read, file: read.token}]";
    for (config, why) in [
        ("{}".to_owned(), "does not speak TLS"),
        (token.to_owned(), "does not speak TLS"),
        (format!("{TLS}}}"), "nobody needs a token"),
    ] {
        // As it was read it listens on loopback only; whoever binds it elsewhere is told.
        let (_, served) = serve(api(&config, home.path()), "0.0.0.0:0").await;
        let fault = served.await.unwrap().unwrap_err();
        assert!(
            matches!(fault, ServeFault::TooOpen { .. }) && fault.to_string().contains(why),
            "{fault}"
        );
    }
    let config = format!("listen: 0.0.0.0:1\n{TLS}}}\n{token}\n");
    let (port, served) = serve(api(&config, home.path()), "0.0.0.0:0").await;
    let client = client(home.path(), None);
    let url = format!("https://127.0.0.1:{port}/v1/decisions");
    assert_eq!(client.get(&url).send().await.unwrap().status(), 401);
    assert_eq!(client.get(&url).bearer_auth(READ).send().await.unwrap().status(), 200);
    assert_eq!(client.get(&url).bearer_auth(OPERATE).send().await.unwrap().status(), 401);
    // Neither without TLS nor without trust.
    let plain = client.get(url.replace("https", "http")).send().await;
    assert!(plain.is_err());
    let distrusting = Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    assert!(distrusting.get(&url).send().await.is_err());
    served.abort();
}

#[tokio::test]
async fn certificates_of_clients_have_roles() {
    let home = TempDir::new().unwrap();
    certify(home.path(), &["eye.example", "hand.example", "other.example"]);
    let config = format!(
        "{TLS}, clientCaFile: ca.pem}}\n\
         clients: [{{dnsName: eye.example, role: read}}, {{dnsName: hand.example, role: operate}}]\n"
    );
    let (port, served) = serve(api(&config, home.path()), "127.0.0.1:0").await;
    let at = format!("https://127.0.0.1:{port}");
    for (name, reads, commands) in [
        (None, 401, 401),
        (Some("other.example"), 401, 401),
        (Some("eye.example"), 200, 403),
        (Some("hand.example"), 200, 400),
    ] {
        let client = client(home.path(), name);
        assert_eq!(client.get(format!("{at}/healthz")).send().await.unwrap().status(), 200);
        let read = client.get(format!("{at}/v1/decisions")).send().await.unwrap();
        assert_eq!(read.status(), reads, "{name:?}");
        let asked =
            client.post(format!("{at}/v1/commands")).header("content-type", "application/json");
        assert_eq!(asked.body("{}").send().await.unwrap().status(), commands, "{name:?}");
    }
    // One that another authority of the same name has signed.
    let stranger = TempDir::new().unwrap();
    certify(stranger.path(), &["hand.example"]);
    fs::copy(home.path().join("ca.pem"), stranger.path().join("ca.pem")).unwrap();
    let forged = client(stranger.path(), Some("hand.example"));
    assert!(forged.get(format!("{at}/v1/decisions")).send().await.is_err());
    served.abort();
}

#[tokio::test]
async fn a_certificate_that_is_renewed_is_shown_and_a_broken_one_is_not() {
    let (home, later) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    certify(home.path(), &[]);
    certify(later.path(), &[]);
    let (port, served) = serve(api(&format!("{TLS}}}"), home.path()), "127.0.0.1:0").await;
    let url = format!("https://127.0.0.1:{port}/healthz");
    // No connection is used twice.
    let trusts = async |folder: &Path| client(folder, None).get(&url).send().await.is_ok();
    assert!(trusts(home.path()).await && !trusts(later.path()).await);
    // A key comes before its certificate, and for that time they do not go together.
    fs::copy(later.path().join("server.key"), home.path().join("server.key")).unwrap();
    let began = std::time::Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        assert!(trusts(home.path()).await);
    }
    fs::copy(later.path().join("server.pem"), home.path().join("server.pem")).unwrap();
    until("the new certificate", SOON, async || trusts(later.path()).await.then_some(())).await;
    served.abort();
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let home = TempDir::new().unwrap();
    certify(home.path(), &["other"]);
    fs::write(home.path().join("empty"), "").unwrap();
    for (cert, key, part) in [
        ("none.pem", "server.key", "none.pem: "),
        ("empty", "server.key", "empty: there is no certificate in it"),
        ("server.pem", "empty", "empty: there is no private key in it"),
        ("server.pem", "other.key", "server.pem: it cannot be used with its key"),
    ] {
        let config = format!("tls: {{certFile: {cert}, keyFile: {key}}}");
        let (_, served) = serve(api(&config, home.path()), "127.0.0.1:0").await;
        let fault = served.await.unwrap().unwrap_err().to_string();
        assert!(fault.contains(part), "{fault}");
    }
}
