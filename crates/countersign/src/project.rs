//! Which project a command means.

use countersign_store::{
    Store,
    op::{ProjectRow, ReadProjects},
};

use crate::cli::Failure;

/// The project of that name; without one, the only project there is.
pub async fn named(store: &Store, slug: Option<&str>) -> Result<ProjectRow, Failure> {
    let mut rows = store.read(ReadProjects).await?;
    let slugs: Vec<String> = rows.iter().map(|row| row.slug.clone()).collect();
    if let Some(slug) = slug {
        rows.retain(|row| row.slug == slug);
    }
    let there = if slugs.is_empty() {
        "make one with `countersign apply`".to_owned()
    } else {
        format!("there are: {}", slugs.join(", "))
    };
    match (rows.pop(), rows.is_empty(), slug) {
        (Some(row), true, _) => Ok(row),
        (Some(_), ..) => Err(Failure::Wrong(format!("say which project with --project; {there}"))),
        (None, _, Some(slug)) => Err(Failure::Wrong(format!("there is no project `{slug}`; {there}"))),
        (None, _, None) => Err(Failure::Wrong(format!("there is no project yet; {there}"))),
    }
}
