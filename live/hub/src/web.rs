//! A client of HTTP for whoever speaks with the same server again and again.

use std::fs;
use std::path::PathBuf;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder};

use crate::clusters::full;

/// A client that is made when it is first needed, and anew after it was forgotten: certificates may have been renewed meanwhile.
/// It follows no redirections: what is shown to one server is not for another.
#[derive(Debug)]
pub(crate) struct Web {
    ca_file: Option<PathBuf>,
    manner: Manner,
    client: Option<Client>,
}

/// What is particular about a client.
pub(crate) type Manner = fn(ClientBuilder) -> ClientBuilder;

impl Web {
    /// One that trusts the authorities of a file besides those of the system.
    pub(crate) const fn new(ca_file: Option<PathBuf>, manner: Manner) -> Self {
        Self { ca_file, manner, client: None }
    }

    /// The client.
    ///
    /// # Errors
    /// TLS cannot be set up, or the file of authorities is none.
    pub(crate) fn client(&mut self) -> Result<Client, String> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        // Whoever was first has chosen the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder()
            .redirect(Policy::none())
            .user_agent(concat!("periplus/", env!("CARGO_PKG_VERSION")));
        let mut builder = (self.manner)(builder);
        if let Some(file) = &self.ca_file {
            let unfit = |why: String| format!("{}: {why}", file.display());
            let pem = fs::read(file).map_err(|fault| unfit(fault.to_string()))?;
            let found = Certificate::from_pem_bundle(&pem).map_err(|fault| unfit(full(&fault)))?;
            if found.is_empty() {
                return Err(unfit("there is no certificate in it".to_owned()));
            }
            builder = builder.tls_certs_merge(found);
        }
        let client = builder.build().map_err(|fault| full(&fault))?;
        self.client = Some(client.clone());
        Ok(client)
    }

    /// The next one is made anew.
    pub(crate) fn forget(&mut self) {
        self.client = None;
    }
}
