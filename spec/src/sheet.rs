//! Sheets: files with one mapping that say how a program is to run. They are read and complained of as documents are, and
//! their schema comes from their drafts in the same way.

use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Source};
use crate::files::Files;
use crate::load::{fitting, split};
use crate::schema::{Form, sheet_schema, validate_sheet};
use crate::yaml::{Cursor, Node, Origin, parse};

/// What a file says, and where everything stood in it.
#[derive(Debug)]
pub struct Sheet<T> {
    /// What it says.
    pub says: T,
    origin: Origin,
    tree: Node,
}

impl<T: DeserializeOwned + JsonSchema> Sheet<T> {
    /// Reads a file.
    ///
    /// # Errors
    /// Everything that is wrong with it, by place.
    pub fn read(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let (root, name) = split(path);
        let source =
            Files::open(root).text(&name, Cursor::default()).map_err(|wrong| vec![wrong])?;
        Self::of_source(&source)
    }

    /// Reads a text that is called `name`.
    ///
    /// # Errors
    /// Everything that is wrong with it, by place.
    pub fn of_text(name: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        Self::of_source(&Arc::new(Source { name: name.to_owned(), text: text.to_owned() }))
    }

    fn of_source(source: &Arc<Source>) -> Result<Self, Vec<Diagnostic>> {
        let mut trees = parse(source)?;
        let origin = Origin { source: Arc::clone(source), row: None };
        if trees.len() != 1 {
            let message =
                format!("{} holds {} documents; it must hold one", source.name, trees.len());
            let help = "begin with one of its fields; `---` begins another document";
            return Err(vec![Diagnostic::error(Code::WrongType, message).with_help(help)]);
        }
        let tree = trees.remove(0);
        let form = Form::of_schema(&Self::schema(&source.name));
        let wrong = validate_sheet(&form, &origin, &tree);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Self { says: fitting(&origin, &tree)?, origin, tree })
    }

    /// The JSON Schema of such files, for editors.
    #[must_use]
    pub fn schema(title: &str) -> Json {
        sheet_schema::<T>(title)
    }
}

impl<T> Sheet<T> {
    /// A complaint about what stands at a place, such as `signals[2].prometheus.url`.
    #[must_use]
    pub fn complaint(
        &self,
        place: &str,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Diagnostic {
        let mut cursor = Cursor::new(&self.origin, &self.tree);
        for key in place.split(['.', '[', ']']).filter(|key| !key.is_empty()) {
            cursor = match key.parse() {
                Ok(index) => cursor.item(index),
                Err(_) => cursor.key(key),
            };
        }
        cursor.error(Code::UnusableSetting, what).with_help(help)
    }
}
