//! TLS of the API: its certificate, which is read again when it changes, and who clients are by theirs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustls::client::verify_server_name;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio::task::spawn_blocking;
use tokio_rustls::TlsAcceptor;

use super::access::Who;
use super::checked::{ClientName, TlsFiles};

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A file cannot be read.
    #[error("{}: {fault}", .file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        fault: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}: {what}", .file.display())]
    Content {
        /// Which.
        file: PathBuf,
        /// What is wrong, and what should be in it.
        what: String,
    },
    /// The certificate and the key do not go together, or cannot be used.
    #[error("{}: it cannot be used with its key: {fault}", .file.display())]
    Unfit {
        /// The certificate's.
        file: PathBuf,
        /// Why.
        fault: rustls::Error,
    },
}

/// TLS, ready to be spoken.
pub(super) struct Secure {
    files: TlsFiles,
    clients: Vec<ClientName>,
    current: Mutex<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    contents: Contents,
    looked: Instant,
    /// What was wrong when files were read last.
    wrong: Option<String>,
}

/// What is in the files. A key must not be shown, so this cannot be.
#[derive(PartialEq, Eq)]
struct Contents {
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// How often files are looked at for changes.
const LOOK_EVERY: Duration = Duration::from_secs(2);

impl Secure {
    pub(super) fn new(files: TlsFiles, clients: Vec<ClientName>) -> Result<Self, TlsFault> {
        let contents = Contents::read(&files)?;
        let config = contents.config(&files)?;
        let current = Current { config, contents, looked: Instant::now(), wrong: None };
        Ok(Self { files, clients, current: Mutex::new(current) })
    }

    /// What the next connection is accepted with.
    pub(super) async fn acceptor(&self) -> TlsAcceptor {
        if self.lock().looked.elapsed() >= LOOK_EVERY {
            self.lock().looked = Instant::now();
            let files = self.files.clone();
            if let Ok(read) = spawn_blocking(move || Contents::read(&files)).await {
                self.renew(read);
            }
        }
        TlsAcceptor::from(Arc::clone(&self.lock().config))
    }

    /// Takes over what was read. What is wrong is told once, and what was before stays.
    fn renew(&self, read: Result<Contents, TlsFault>) {
        let mut current = self.lock();
        let new = match read {
            Ok(contents) if contents == current.contents => {
                current.wrong = None;
                return;
            }
            Ok(contents) => contents.config(&self.files).map(|config| (contents, config)),
            Err(fault) => Err(fault),
        };
        match new {
            Ok((contents, config)) => {
                tracing::info!("the certificate of the API was renewed");
                (current.contents, current.config, current.wrong) = (contents, config, None);
            }
            Err(fault) => {
                let wrong = Some(fault.to_string());
                if current.wrong != wrong {
                    tracing::warn!("{fault}; the certificate that was read before stays in use");
                    current.wrong = wrong;
                }
            }
        }
    }

    /// Who a client is by its certificate, whose signature was checked.
    pub(super) fn who(&self, certificates: Option<&[CertificateDer<'_>]>) -> Option<Who> {
        let certificate = ParsedCertificate::try_from(certificates?.first()?).ok()?;
        let is_for = |client: &&ClientName| verify_server_name(&certificate, &client.name).is_ok();
        let client = self.clients.iter().find(is_for)?;
        Some(Who { name: client.shown.clone(), role: client.role })
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn read(files: &TlsFiles) -> Result<Self, TlsFault> {
        let TlsFiles { cert, key, client_ca } = files;
        let read = |file: &Path| {
            fs::read(file).map_err(|fault| TlsFault::File { file: file.to_owned(), fault })
        };
        let client_ca = client_ca.as_deref().map(read).transpose()?;
        Ok(Self { cert: read(cert)?, key: read(key)?, client_ca })
    }

    fn config(&self, files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsFault> {
        let content = |file: &Path, what: String| TlsFault::Content { file: file.to_owned(), what };
        let unfit = |fault| TlsFault::Unfit { file: files.cert.clone(), fault };
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|fault| {
            content(&files.key, format!("there is no private key in it, as PEM: {fault}"))
        })?;
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unfit)?;
        let builder = match (&self.client_ca, &files.client_ca) {
            (Some(pem), Some(file)) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(pem, file)? {
                    roots.add(certificate).map_err(|fault| content(file, fault.to_string()))?;
                }
                // Who shows no certificate may show a token.
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .allow_unauthenticated()
                        .build()
                        .map_err(|fault| content(file, fault.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
            (None, _) | (_, None) => builder.with_no_client_auth(),
        };
        let chain = certificates(&self.cert, &files.cert)?;
        let mut config = builder.with_single_cert(chain, key).map_err(unfit)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn certificates(pem: &[u8], file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let content = |what: String| TlsFault::Content { file: file.to_owned(), what };
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|fault| content(format!("it is not PEM: {fault}")))?;
    if found.is_empty() {
        return Err(content("there is no certificate in it, as PEM".to_owned()));
    }
    Ok(found)
}
