//! Makes one record a connection of its transitions: how it opened, its phases, who closed it,
//! why, and the time in each state. Pure, like the state machine before it.

mod assembler;
mod idle;
mod idle_closes;

pub use self::{
    assembler::{Assembler, Patience},
    idle::{Candidate, IdleTable, IdleTableError, Manner, Role},
    idle_closes::{IdleCloses, IdleCount, IdleKind},
};
