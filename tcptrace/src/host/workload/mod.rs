//! What runs in a control group: what its path tells, by a table, and what the files of a container's
//! runtime tell besides. No runtime is asked: it need not run, and nobody gets a socket of it.

mod files;
mod json;
mod path;
mod pattern;
mod table;
mod unit;

pub use self::{
    files::RuntimeFiles,
    path::{Place, place_of},
    unit::full_name as full_unit_name,
};
