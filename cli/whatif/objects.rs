//! An object store as the place of a study: the one file that waits for a network.
//!
//! A small runtime does the waiting, and nobody outside learns of it. Credentials come from the environment or
//! from the role of a machine, as each store's own tools have them, never from the URL. An object is there whole
//! or not at all, and nothing depends on listing what is there. [`told`] has the words for what fails.

mod told;

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    BackoffConfig, Error, ObjectStore, ObjectStoreExt as _, RetryConfig, WriteMultipart,
};
use tokio::runtime::Runtime;
use url::Url;

use crate::failure::Failure;
use crate::whatif::store::{Staged, Store};

/// A request is tried again so often. With the waits below that takes 20 s on average and a minute at most: long
/// enough for a store that is busy, short enough to be told that it is gone.
const RETRIES_MAX: usize = 8;
const WAITS: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(200),
    max_backoff: Duration::from_secs(10),
    base: 3.0,
};
const RETRY_SPAN_MAX: Duration = Duration::from_secs(60);

/// What is larger is sent in parts of this size: the least that S3 takes.
const PART_BYTES: usize = 5 << 20;
/// So many parts are under way at once.
const PARTS_AT_ONCE: usize = 2;

/// A prefix in an object store.
pub(crate) struct Objects {
    runtime: Runtime,
    store: Box<dyn ObjectStore>,
    prefix: Path,
    /// What people call the prefix.
    url: String,
    kind: Kind,
}

/// The kinds of store that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    S3,
    Google,
    Azure,
    File,
}

impl Objects {
    /// The store and prefix that a URL names. Nothing is asked of it yet.
    ///
    /// # Errors
    /// The URL names none, or what the environment says of it does not fit together.
    pub(crate) fn open(text: &str) -> Result<Self, Failure> {
        let (url, kind) = read(text)?;
        let unfit = |why: &dyn std::fmt::Display| Failure::Environment {
            message: told::without_secrets(&format!("cannot open {text}: {why}")),
            hint: Some(kind.credentials()),
        };
        let prefix = Path::from_url_path(url.path())
            .map_err(|error| refused(&format!("has a path that no object can have: {error}")))?;
        let store = kind.open(&url, &prefix).map_err(|error| unfit(&error))?;
        // A second thread answers for connections that wait between two requests.
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| unfit(&error))?;
        let prefix = if kind == Kind::File { Path::default() } else { prefix };
        Ok(Self { runtime, store, prefix, url: text.trim_end_matches('/').into(), kind })
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.parts().chain(Path::from(name).parts()).collect()
    }

    fn failed(&self, what: &str, name: &str, error: &Error) -> Failure {
        told::failure(&format!("{what} {}", self.told(name)), self.kind, error)
    }

    /// Sends a file in parts, without holding all of it in memory.
    async fn send(&self, path: &Path, mut file: File) -> Result<(), Error> {
        let upload = self.store.put_multipart(path).await?;
        let mut writer = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let mut part = vec![0; PART_BYTES];
        let sent = loop {
            match file.read(&mut part) {
                Ok(0) => break Ok(()),
                Ok(read) => writer.write(&part[..read]),
                Err(error) => break Err(unreadable(error)),
            }
            if let Err(error) = writer.wait_for_capacity(PARTS_AT_ONCE).await {
                break Err(error);
            }
        };
        match sent {
            Ok(()) => writer.finish().await.map(drop),
            Err(error) => {
                // The first error is the one to be told.
                let _ = writer.abort().await;
                Err(error)
            }
        }
    }
}

impl Store for Objects {
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.path(name);
        let got = self.runtime.block_on(async { self.store.get(&path).await?.bytes().await });
        match got {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(Error::NotFound { source, .. }) if !told::is_about_the_bucket(&*source) => Ok(None),
            Err(error) => Err(self.failed("read", name, &error)),
        }
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.path(name);
        let put = self.store.put(&path, bytes.to_vec().into());
        self.runtime.block_on(put).map(drop).map_err(|error| self.failed("write", name, &error))
    }

    fn stage(&self, name: &str) -> Result<Staged, Failure> {
        Staged::nameless(name).map_err(|error| Failure::Environment {
            message: format!(
                "cannot write a temporary file for {} in {}: {error}",
                self.told(name),
                std::env::temp_dir().display()
            ),
            hint: Some("TMPDIR names another folder".into()),
        })
    }

    fn keep(&self, staged: Staged) -> Result<(), Failure> {
        let Staged { name, mut file, .. } = staged;
        let failed = |error: Error| self.failed("write", &name, &error);
        let bytes = file.rewind().and_then(|()| file.metadata()).map_err(unreadable);
        if bytes.map_err(failed)?.len() > PART_BYTES as u64 {
            return self.runtime.block_on(self.send(&self.path(&name), file)).map_err(failed);
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| failed(unreadable(error)))?;
        self.put(&name, &bytes)
    }

    fn told(&self, name: &str) -> String {
        format!("{}/{name}", self.url)
    }
}

impl Kind {
    fn of(url: &Url) -> Result<Self, Failure> {
        let kind = match url.scheme() {
            "s3" | "s3a" => Self::S3,
            "gs" => Self::Google,
            "az" | "azblob" | "abfs" | "abfss" => Self::Azure,
            "file" => Self::File,
            other => return Err(refused(&format!("begins with `{other}://`, which is no store"))),
        };
        // Azure's URLs may name an account before the `@`.
        let user = kind != Self::Azure && !url.username().is_empty();
        if user || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            let why = "has more than a store and a path; credentials come from the environment";
            return Err(refused(why));
        }
        match (kind, url.host_str()) {
            (Self::File, Some(_)) => Err(refused("names a folder that does not begin with `/`")),
            (Self::S3 | Self::Google | Self::Azure, None) => Err(refused("names no bucket")),
            (Self::File, None) | (Self::S3 | Self::Google | Self::Azure, Some(_)) => Ok(kind),
        }
    }

    fn open(self, url: &Url, prefix: &Path) -> Result<Box<dyn ObjectStore>, Error> {
        // It is there already if another store was opened before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let retry =
            RetryConfig { backoff: WAITS, max_retries: RETRIES_MAX, retry_timeout: RETRY_SPAN_MAX };
        Ok(match self {
            Self::S3 => {
                let builder = AmazonS3Builder::from_env().with_url(url.as_str());
                Box::new(builder.with_retry(retry).build()?)
            }
            Self::Google => {
                let builder = GoogleCloudStorageBuilder::from_env().with_url(url.as_str());
                Box::new(builder.with_retry(retry).build()?)
            }
            Self::Azure => {
                let url = url.as_str().replacen("azblob://", "az://", 1);
                let builder = MicrosoftAzureBuilder::from_env().with_url(url);
                Box::new(builder.with_retry(retry).build()?)
            }
            Self::File => {
                let folder = url.to_file_path().unwrap_or_else(|()| prefix.as_ref().into());
                std::fs::create_dir_all(&folder).map_err(unreadable)?;
                Box::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true))
            }
        })
    }

    /// Where its credentials come from.
    fn credentials(self) -> String {
        let names = match self {
            Self::S3 => {
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the role of a machine or pod"
            }
            Self::Google => "GOOGLE_APPLICATION_CREDENTIALS, or the account of a machine or pod",
            Self::Azure => {
                "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or a managed identity"
            }
            Self::File => return "the folder must be one that you may write to".into(),
        };
        format!("credentials come from the environment: {names}")
    }
}

/// Whether a URL names a store, and has nothing in it that is to be kept secret.
///
/// # Errors
/// It does not, or it has.
pub(crate) fn check(text: &str) -> Result<(), Failure> {
    read(text).map(drop)
}

fn read(text: &str) -> Result<(Url, Kind), Failure> {
    let url = Url::parse(text).map_err(|error| refused(&format!("is no URL: {error}")))?;
    let kind = Kind::of(&url)?;
    Ok((url, kind))
}

fn unreadable(error: std::io::Error) -> Error {
    Error::Generic { store: "file", source: Box::new(error) }
}

/// A URL that is none of a store. It is not repeated: what does not belong there may be a password.
fn refused(why: &str) -> Failure {
    Failure::Usage {
        message: format!("what `--out` names {why}"),
        hint: "write `s3://bucket/prefix`, `gs://…`, `az://container/…` or `file:///folder`".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn urls_that_are_none_of_a_store_are_refused_and_not_repeated() {
        for text in [
            "s3://",
            "s3://key:hidden@bucket/a",
            "s3://hidden@bucket/a",
            "s3://bucket/a?X-Amz-Signature=hidden",
            "gs://bucket/#hidden",
            "az://container@account:hidden/a",
            "file://hidden/a",
            "ftp://hidden/a",
            "s3://hidden:port/a",
        ] {
            let failure = Objects::open(text).err().unwrap();
            let Failure::Usage { message, .. } = failure else { panic!("{text}: {failure:?}") };
            assert!(!message.contains("hidden"), "{message}");
        }
    }

    #[test]
    fn what_is_large_is_sent_in_parts_and_is_whole() {
        let dir = tempfile::TempDir::new().unwrap();
        let url = Url::from_directory_path(dir.path().join("a study")).unwrap();
        let objects = Objects::open(url.as_str()).unwrap();
        let large: Vec<u8> =
            (0..2 * PART_BYTES + 7).map(|place| (place % 251).to_le_bytes()[0]).collect();
        for (name, bytes) in [("large", &large[..]), ("parts/small", b"small"), ("none", b"")] {
            assert_eq!(objects.get(name).unwrap(), None);
            for _ in 0..2 {
                let mut staged = objects.stage(name).unwrap();
                staged.write_all(bytes).unwrap();
                objects.keep(staged).unwrap();
                assert!(objects.get(name).unwrap().unwrap() == bytes, "{name} differs");
            }
        }
        assert!(dir.path().join("a study/parts/small").exists());
    }

    #[test]
    fn objects_stand_below_the_prefix() {
        let objects = Objects::open("s3://bucket/a b/c/").unwrap();
        assert_eq!(objects.path("runs/1.json").as_ref(), "a b/c/runs/1.json");
        assert_eq!(objects.told("runs/1.json"), "s3://bucket/a b/c/runs/1.json");
        let bare = Objects::open("gs://bucket").unwrap();
        assert_eq!(bare.path("runs.csv").as_ref(), "runs.csv");
    }
}
