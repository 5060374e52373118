//! `schema`: what editors and readers need to know of the kinds.

use periplus_spec::draft::Kind;
use periplus_spec::schema::{reference, schema};

use crate::args::SchemaArgs;
use crate::failure::{Exit, Failure};
use crate::render;

pub(super) fn run(args: &SchemaArgs) -> Result<Exit, Failure> {
    let Some(name) = &args.kind else {
        render::line(reference().trim_end());
        return Ok(Exit::Held);
    };
    let known = Kind::ALL.map(Kind::name);
    let kind = Kind::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name));
    let kind = kind.ok_or_else(|| Failure::no_such("kind", name, &known))?;
    render::json(&schema(kind))?;
    Ok(Exit::Held)
}
