//! One statement for many operations: the text that runs a statement once for each row of its parameters.
//!
//! A statement costs the server far more to begin than a row of it costs to find or to write. So what several operations of
//! a transaction ask at the same time is asked at once: each parameter becomes an array, the arrays become a table `q` of
//! as many rows as there are operations, and `$n` becomes its column. Knows texts and types, and no connection.

use std::fmt::Write as _;

use tokio_postgres::types::Type;

/// The table of parameters: `unnest($1::bigint[], …) WITH ORDINALITY AS q(p1, …, n)`; `n` counts from 1.
fn parameters(types: &[Type]) -> String {
    let arrays: Vec<_> = types.iter().enumerate().map(|(i, kind)| format!("${}::{}[]", i + 1, kind.name())).collect();
    let columns: String = (1..=types.len()).fold(String::new(), |mut columns, i| {
        // Writing to a string can't fail.
        let _ = write!(columns, "p{i}, ");
        columns
    });
    format!("unnest({}) WITH ORDINALITY AS q({columns}n)", arrays.join(", "))
}

/// `$n` becomes `q.pn`.
fn columns_for_parameters(text: &str) -> String {
    text.replace('$', "q.p")
}

/// The text of `single`, given the types of its parameters, that runs it for many: a query answers its rows, each with the
/// number of those that asked for it before its own columns; an update answers the number of whoever changed a row.
/// `locking` follows a query that holds what it reads. `None` when the text is of another form.
pub(super) fn for_many(single: &str, locking: Option<&str>, types: &[Type]) -> Option<String> {
    let q = parameters(types);
    if single.starts_with("SELECT ") {
        let query = columns_for_parameters(single);
        let locking = locking.map_or_else(String::new, |clause| format!(" {clause}"));
        return Some(format!("SELECT q.n, r.* FROM {q} CROSS JOIN LATERAL ({query}{locking}) AS r"));
    }
    if single.starts_with("INSERT ") {
        let (before, values) = single.split_once("VALUES (")?;
        let (values, after) = values.split_once(')')?;
        return Some(format!("{before}SELECT {} FROM {q}{after}", columns_for_parameters(values)));
    }
    if single.starts_with("UPDATE ") {
        let (changes, wanted) = single.split_once(" WHERE ")?;
        let (changes, wanted) = (columns_for_parameters(changes), columns_for_parameters(wanted));
        return Some(format!("{changes} FROM {q} WHERE {wanted} RETURNING q.n"));
    }
    None
}

/// The text of `update` that fails, by dividing by nothing, unless it changes exactly the rows that it should: one, or as
/// many as the arrays of its form for many are long.
pub(super) fn guarded(update: &str, for_many: bool) -> String {
    if for_many {
        format!("WITH changed AS ({update}) SELECT 1 / (count(*) = cardinality($1))::int FROM changed")
    } else {
        format!("WITH changed AS ({update} RETURNING 1) SELECT 1 / (count(*) = 1)::int FROM changed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_of_each_form_is_rewritten_for_many() {
        let types = [Type::BYTEA, Type::INT8];
        let q = "unnest($1::bytea[], $2::int8[]) WITH ORDINALITY AS q(p1, p2, n)";
        for (single, locking, many) in [
            (
                "SELECT b FROM t WHERE a = $1 AND c > $2",
                Some("FOR UPDATE"),
                format!(
                    "SELECT q.n, r.* FROM {q} CROSS JOIN LATERAL (SELECT b FROM t WHERE a = q.p1 AND c > q.p2 FOR UPDATE) AS r"
                ),
            ),
            (
                "INSERT INTO t (a, b, c) VALUES ($1, 0, $2) ON CONFLICT (a) DO UPDATE SET c = excluded.c",
                None,
                format!(
                    "INSERT INTO t (a, b, c) SELECT q.p1, 0, q.p2 FROM {q} ON CONFLICT (a) DO UPDATE SET c = excluded.c"
                ),
            ),
            (
                "UPDATE t SET b = $1, c = CASE WHEN $2 > c THEN $2 ELSE c END WHERE a = $1",
                None,
                format!(
                    "UPDATE t SET b = q.p1, c = CASE WHEN q.p2 > c THEN q.p2 ELSE c END FROM {q} WHERE a = q.p1 RETURNING q.n"
                ),
            ),
        ] {
            assert_eq!(for_many(single, locking, &types), Some(many));
        }
        assert_eq!(for_many("DELETE FROM t WHERE a = $1", None, &types), None);
    }
}
