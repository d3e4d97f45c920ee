//! Decides.
#![no_std]
extern crate alloc;
