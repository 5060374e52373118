//! One request, taken apart: which verb on what, with which query, by whom. After the API server's `RequestInfo`.

use axum::extract::Query;
use axum::http::{HeaderMap, Method, Uri, header};

use super::object::Shape;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; empty for other paths.
    pub(super) verb: &'static str,
    /// The API group; empty for the core one.
    pub(super) group: String,
    /// `v1`.
    pub(super) version: String,
    /// `pods`; empty for discovery and health.
    pub(super) plural: String,
    /// Empty for all, and outside of namespaces.
    pub(super) namespace: String,
    /// Empty for collections.
    pub(super) name: String,
    /// `status`, `scale` or empty.
    pub(super) subresource: String,
    /// The path behind the cluster's.
    pub(super) path: String,
    /// How objects are to be written.
    pub(super) shape: Shape,
    /// Media type of the body, without parameters.
    pub(super) media: String,
    /// The first part of the user agent, which manages fields unless another is named.
    pub(super) agent: String,
    query: Vec<(String, String)>,
}

impl Call {
    /// Takes a request apart; `path` is what follows the cluster's prefix.
    pub(super) fn read(method: &Method, path: &str, uri: &Uri, headers: &HeaderMap) -> Self {
        let query = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        let partial = header(header::ACCEPT).contains("as=PartialObjectMetadata");
        let agent = header(header::USER_AGENT).split('/').next().unwrap_or_default();
        let media = header(header::CONTENT_TYPE).split(';').next().unwrap_or_default();
        let mut call = Self {
            verb: "",
            group: String::new(),
            version: String::new(),
            plural: String::new(),
            namespace: String::new(),
            name: String::new(),
            subresource: String::new(),
            path: path.to_owned(),
            shape: if partial { Shape::Metadata } else { Shape::Full },
            media: media.trim().to_owned(),
            agent: agent.to_owned(),
            query: query.map(|Query(pairs)| pairs).unwrap_or_default(),
        };
        call.place(path);
        call.verb = call.verb_of(method);
        call
    }

    /// The value of a parameter, or the empty text.
    pub(super) fn asked(&self, parameter: &str) -> &str {
        let found = self.query.iter().find(|(name, _)| name == parameter);
        found.map_or("", |(_, value)| value)
    }

    /// Whether a parameter is true.
    pub(super) fn is(&self, parameter: &str) -> bool {
        ["true", "1"].contains(&self.asked(parameter))
    }

    /// `pods` or `deployments/status`, as counted.
    pub(super) fn resource(&self) -> String {
        match (self.plural.is_empty(), self.subresource.is_empty()) {
            (true, _) => self.path.clone(),
            (false, true) => self.plural.clone(),
            (false, false) => format!("{}/{}", self.plural, self.subresource),
        }
    }

    fn place(&mut self, path: &str) {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        match parts.next() {
            Some("api") => {}
            Some("apis") => self.group = parts.next().unwrap_or_default().to_owned(),
            Some(_) | None => return,
        }
        self.version = parts.next().unwrap_or_default().to_owned();
        let rest: Vec<&str> = parts.collect();
        let (namespace, rest) = match rest.as_slice() {
            // What lies in a namespace, unless it is a subresource of the namespace itself.
            ["namespaces", namespace, plural, ..] if !["status", "finalize"].contains(plural) => {
                (*namespace, &rest[2..])
            }
            all => ("", all),
        };
        self.namespace = namespace.to_owned();
        let mut rest = rest.iter().copied().map(str::to_owned);
        self.plural = rest.next().unwrap_or_default();
        self.name = rest.next().unwrap_or_default();
        self.subresource = rest.next().unwrap_or_default();
    }

    fn verb_of(&self, method: &Method) -> &'static str {
        let one = !self.name.is_empty();
        match method.as_str() {
            "GET" if self.plural.is_empty() => "get",
            "GET" if self.is("watch") => "watch",
            "GET" if one => "get",
            "GET" => "list",
            "POST" if self.subresource.is_empty() && !one => "create",
            "PUT" if one => "update",
            "PATCH" if one => "patch",
            "DELETE" if one => "delete",
            "DELETE" => "deletecollection",
            _ => "",
        }
    }
}
