//! What must never reach a repository: secrets in clear.
//!
//! Objects that only point at a secret, or carry it sealed, pass unread.

use serde_json::Value;

use crate::fault::Fault;
use crate::object::Object;

/// Refuses an object that carries a secret in clear.
///
/// # Errors
/// A `Secret` with data that SOPS has not sealed, key material of `IPsec`, a user's password in a URL, or a private key.
pub(crate) fn refuse_secrets(object: &Object) -> Result<(), Fault> {
    let found = |at: String| {
        Err(Fault::Secret { kind: object.kind().into(), name: object.name().into(), at })
    };
    if object.kind() == "Secret" && object.0.get("sops").is_none() {
        for field in ["data", "stringData"] {
            let filled = object.0.get(field).and_then(Value::as_object);
            if filled.is_some_and(|entries| !entries.is_empty()) {
                return found(field.into());
            }
        }
    }
    match find(&object.0, String::new()) {
        Some(at) => found(at),
        None => Ok(()),
    }
}

/// Fields of other kinds that hold keys: those of SDEWAN's tunnels.
const KEYS: [&str; 2] = ["pre_shared_key", "local_private_cert"];

/// Where in a value a secret stands.
fn find(value: &Value, at: String) -> Option<String> {
    match value {
        Value::Object(entries) => entries.iter().find_map(|(key, value)| {
            let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            if KEYS.contains(&key.as_str()) && value.as_str().is_some_and(|text| !text.is_empty()) {
                return Some(at);
            }
            find(value, at)
        }),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(place, item)| find(item, format!("{at}[{place}]")))
        }
        Value::String(text) => (is_private_key(text) || has_password(text)).then_some(at),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn is_private_key(text: &str) -> bool {
    text.contains("-----BEGIN") && text.contains("PRIVATE KEY-----")
}

/// Whether a text is a URL with a password in it.
fn has_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let Some((user, _)) = authority.rsplit_once('@') else { return false };
    // What stands in braces or is a variable of the shell is filled in elsewhere.
    user.split_once(':').is_some_and(|(_, password)| {
        !password.is_empty() && !password.starts_with('$') && !password.starts_with('{')
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(value: Value) -> Option<String> {
        refuse_secrets(&Object(value)).err().map(|fault| fault.to_string())
    }

    #[test]
    fn secrets_in_clear_are_refused_and_not_repeated() {
        let metadata = json!({"name": "db"});
        for value in [
            json!({"kind": "Secret", "metadata": metadata, "data": {"password": "aHVudGVyMg=="}}),
            json!({"kind": "Secret", "metadata": metadata, "stringData": {"password": "hunter2"}}),
            json!({"kind": "IpsecSite", "metadata": metadata, "spec": {"pre_shared_key": "hunter2"}}),
            json!({"kind": "ConfigMap", "metadata": metadata, "data": {"url": "postgres://u:hunter2@db/x"}}),
            json!({"kind": "ConfigMap", "metadata": metadata, "data": {"k": "-----BEGIN RSA PRIVATE KEY-----\nhunter2"}}),
        ] {
            let told = told(value).unwrap();
            assert!(!told.contains("hunter2") && !told.contains("aHVudGVyMg"), "{told}");
        }
    }

    #[test]
    fn what_is_sealed_or_only_pointed_at_passes() {
        let metadata = json!({"name": "db"});
        for value in [
            json!({"kind": "Secret", "metadata": metadata, "data": {"password": "ENC[AES256_GCM]"}, "sops": {"version": "3.9"}}),
            json!({"kind": "Secret", "metadata": metadata, "data": {}}),
            json!({"kind": "SealedSecret", "metadata": metadata, "spec": {"encryptedData": {"password": "AgBy"}}}),
            json!({"kind": "ExternalSecret", "metadata": metadata, "spec": {"data": [{"secretKey": "password", "remoteRef": {"key": "db"}}]}}),
            json!({"kind": "ConfigMap", "metadata": metadata, "data": {"url": "postgres://user:$(PASSWORD)@db/x", "mail": "a@b", "git": "ssh://git@host/x"}}),
        ] {
            assert_eq!(told(value), None);
        }
    }
}
