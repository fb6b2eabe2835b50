//! Nodes whose clocks are wrong by minutes or days, or are set: a revoked token stays revoked on all of them, and no row
//! that is still needed is deleted.

mod faketime;
mod kept;
mod purge;
mod revocation;

/// How many minutes the clocks of two nodes are ahead: of the node that makes a change, and of the node that answers.
const APART: [(i64, i64); 4] = [(0, -5), (0, 5), (5, -5), (-5, 5)];
