//! What both halves of tcptrace share: the [`wire`] format of the records that the kernel half
//! puts into the ring buffer, and the [`settings`] that userspace hands to it when it is loaded.
//!
//! Everything here is plain integers in a fixed layout without padding. The programs themselves
//! are the binary target of this crate, built for the BPF target only.

#![no_std]

pub mod settings;
pub mod wire;
