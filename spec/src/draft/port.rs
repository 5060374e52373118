//! Ports that components listen on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::Name;

/// A port that a component listens on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Port")]
pub struct PortDraft {
    /// Its name.
    #[serde(default)]
    pub name: Option<Name>,
    /// Its number.
    #[schemars(range(min = 1, max = 65_535))]
    pub port: u16,
    /// Its protocol.
    #[serde(default)]
    pub protocol: Protocol,
    /// What is spoken over it, such as `http` or `grpc`: meshes route by it. They find out by themselves where it is not
    /// given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<Name>,
}

/// The protocol of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}
