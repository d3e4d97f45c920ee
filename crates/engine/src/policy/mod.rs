//! The policy language.
use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};
use crate::{config::Environment, fact::Fact, field::Field, id::PolicyId};
/// x
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Policy { /// x
 pub name: String }
/// x
#[derive(Clone, Debug)]
pub enum Operand { /// x
 Field(Field), /// x
 Member { /// x
 field: Field, /// x
 list: String } }
/// x
#[derive(Debug, Default)]
pub struct PolicySet { operands: Vec<Operand> }
impl PolicySet {
    /// x
    pub fn compile(_p: &[(PolicyId, Policy)], _e: Environment) -> Self { Self::default() }
    /// x
    pub fn operands(&self) -> &[Operand] { &self.operands }
    /// x
    pub fn run(&self, _action: &str, _facts: &[Fact<'_>]) {}
}
