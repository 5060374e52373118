//! What an object store answered when something failed, in words, and without anything secret.
//!
//! Stores repeat requests in their answers, with all headers, so that only a status, a code and one message of
//! an answer are told, and what the environment holds as a secret is cut out of those.

use std::error::Error as Any;
use std::path::Path;

use object_store::Error;

use super::Kind;
use crate::failure::Failure;

/// The longest message of a store that is told.
const MESSAGE_CHARS_MAX: usize = 200;
/// What is shorter is no secret, and may stand in a text by chance.
const SECRET_BYTES_MIN: usize = 6;

/// What could not be done, what the store answered, and what to do.
pub(super) fn failure(what: &str, kind: Kind, error: &Error) -> Failure {
    let text = error.to_string();
    let mut message = format!("cannot {what}: {}", answer(&text, error));
    if let Some(retries) = between(&text, ", after ", " retries") {
        message += &format!(", also after {retries} retries");
    }
    let hint = if seeks_credentials(&text) {
        format!("{}; none were found", kind.credentials())
    } else if names_no_bucket(&text) {
        "make it, or name another place with `--out`".into()
    } else if ["401 ", "403 "].iter().any(|one| status(&text).starts_with(one)) {
        format!("{}; they must be allowed to read, write and list there", kind.credentials())
    } else {
        "what is kept stays; the same command goes on from it".into()
    };
    Failure::Environment { message: without_secrets(&message), hint: Some(hint) }
}

/// Whether what is not there is the bucket, not an object in it.
pub(super) fn is_about_the_bucket(error: &(dyn Any + 'static)) -> bool {
    names_no_bucket(&error.to_string())
}

/// The text without what the environment holds as a secret.
pub(super) fn without_secrets(text: &str) -> String {
    let words = ["SECRET", "TOKEN", "KEY", "PASSWORD", "SAS", "CREDENTIAL", "SIGNATURE"];
    let secrets = std::env::vars_os().filter_map(|(name, value)| {
        let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
        let secret = words.iter().any(|word| name.contains(word)) && !Path::new(&value).exists();
        (secret && value.len() >= SECRET_BYTES_MIN).then_some(value)
    });
    secrets.fold(text.to_owned(), |text, secret| text.replace(&secret, "…"))
}

fn answer(text: &str, error: &Error) -> String {
    let status = status(text);
    if status.is_empty() {
        let cause = if seeks_credentials(text) { "no credentials: " } else { "no answer: " };
        return format!("{cause}{}", shortened(&root(error).to_string()));
    }
    let part = |tag: &str| between(text, &format!("<{tag}>"), &format!("</{tag}>"));
    let said = match (part("Code"), part("Message")) {
        (Some(code), Some(message)) => format!(" ({code}: {})", shortened(message)),
        (Some(code), None) => format!(" ({code})"),
        (None, _) => String::new(),
    };
    format!("the store answers {status}{said}")
}

fn names_no_bucket(text: &str) -> bool {
    ["NoSuchBucket", "ContainerNotFound"]
        .iter()
        .any(|code| text.contains(&format!("<Code>{code}</Code>")))
}

/// Whether it was the role of a machine that did not answer: nothing in the environment came before it.
fn seeks_credentials(text: &str) -> bool {
    ["/latest/api/token", "/latest/meta-data", "/computeMetadata/", "/metadata/identity"]
        .iter()
        .any(|path| text.contains(path))
}

/// The number and name of the status, as in `404 Not Found`.
fn status(text: &str) -> &str {
    let from = text.split_once("status code: ").map_or("", |(_, from)| from);
    from.split([':', '\n']).next().unwrap_or_default().trim()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    Some(text.split_once(start)?.1.split_once(end)?.0)
}

/// What all began with.
fn root<'a>(error: &'a (dyn Any + 'static)) -> &'a (dyn Any + 'static) {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root
}

fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MESSAGE_CHARS_MAX {
        return line;
    }
    line.chars().take(MESSAGE_CHARS_MAX).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> (String, String) {
        let error = Error::Generic { store: "S3", source: text.into() };
        let failure = failure("read s3://bucket/x", Kind::S3, &error);
        let Failure::Environment { message, hint } = failure else { panic!("{failure:?}") };
        (message, hint.unwrap())
    }

    #[test]
    fn of_an_answer_only_status_code_and_message_are_told() {
        let (message, hint) = told(
            "Error performing GET http://store/bucket/x in 3s, after 8 retries, max_retries: 8, retry_timeout: 60s  - \
             Server returned non-2xx status code: 403 Forbidden: <Error><Code>SignatureDoesNotMatch</Code>\
             <Message>It does\n not match.</Message><CanonicalRequest>x-amz-security-token:hidden</CanonicalRequest>",
        );
        assert_eq!(
            message,
            "cannot read s3://bucket/x: the store answers 403 Forbidden (SignatureDoesNotMatch: It does not match.), \
             also after 8 retries"
        );
        assert!(hint.contains("AWS_ACCESS_KEY_ID"), "{hint}");
    }

    #[test]
    fn each_failure_says_what_to_do() {
        let missing =
            told("status code: 404 Not Found: <Code>NoSuchBucket</Code><Message>None.</Message>");
        assert!(missing.1.starts_with("make it"), "{missing:?}");
        let alone = told("Error performing PUT http://127.0.0.1:1/latest/api/token in 1s");
        assert!(alone.0.contains("no credentials") && alone.1.contains("none were found"));
        let busy = told("status code: 503 Service Unavailable: ");
        assert_eq!(busy.0, "cannot read s3://bucket/x: the store answers 503 Service Unavailable");
        assert!(busy.1.contains("goes on"));
    }

    #[test]
    fn long_messages_are_cut() {
        assert_eq!(shortened(&"ä ".repeat(400)).chars().count(), MESSAGE_CHARS_MAX + 1);
    }
}
