//! How long a set of policies takes to run: `cargo run --release -p countersign-engine --example policy_speed`.
//!
//! Two sets, of 20 and of 1,000 policies that all are asked and none of which holds, so that nothing ends early: the
//! worst case. The floor beside them is one call over one policy that compares one boolean.

use std::{hint::black_box, time::Instant};

use countersign_engine::{
    environment::Environment,
    fact::Fact,
    field::Field,
    id::PolicyId,
    policy::{Operand, Policy, PolicySet},
};

const CONDITIONS: [&str; 4] = [
    "is_new_user and (device_count > 3 or is_new_ip) and not is_suspended",
    "action = \"access\" and (fingerprint_user_count >= 5 or email_domain in [\"a.example\", \"b.example\"])",
    "(user_age_days < 2 or is_new_device) and event_count.user.1h > 30 and not user_external_id in_list \"vip\"",
    "ip in_cidr \"10.0.0.0/8\" and (metadata.plan = \"free\" or group = \"beta\") and not email_is_webmail",
];

fn set(conditions: impl Iterator<Item = &'static str>) -> Result<PolicySet, serde_json::Error> {
    let policies = conditions.zip(0..).map(|(when, n)| {
        let policy = serde_json::json!({"name": "A policy", "environment": "production", "when": when, "then": "deny"});
        Ok((PolicyId::new(n, [0; 10]), serde_json::from_value::<Policy>(policy)?))
    });
    let policies = policies.collect::<Result<Vec<_>, _>>()?;
    Ok(PolicySet::compile(&policies, Environment::Production))
}

fn fact<'a>(operand: &Operand, groups: &'a [String]) -> Fact<'a> {
    match operand {
        Operand::Member { .. } => Fact::Bool(true),
        Operand::Field(Field::Ip) => Fact::Address([192, 0, 2, 1].into()),
        Operand::Field(Field::Group) => Fact::Texts(groups),
        Operand::Field(field) => match field.kind() {
            countersign_engine::fact::Kind::Bool => Fact::Bool(false),
            countersign_engine::fact::Kind::Number => Fact::Number(3.0),
            _ => Fact::Text("access"),
        },
    }
}

fn measure(what: &str, set: &PolicySet) {
    // Short rounds, of which the best counts: what else the machine does disturbs only some of them.
    const RUNS: u32 = 200;
    let groups = [String::from("staff"), String::from("alpha")];
    let facts: Vec<_> = set.operands().iter().map(|operand| fact(operand, &groups)).collect();
    let mut best = f64::MAX;
    for _ in 0..500 {
        let start = Instant::now();
        for _ in 0..RUNS {
            black_box(black_box(set).run(black_box("login"), black_box(&facts)));
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e6 / f64::from(RUNS));
    }
    println!("{what}: {best:.3} µs, {} operands", set.operands().len());
}

fn main() -> Result<(), serde_json::Error> {
    measure("floor: 1 policy, 1 comparison", &set(["is_new_user"].into_iter())?);
    for count in [20, 1_000] {
        measure(&format!("{count} policies"), &set(CONDITIONS.into_iter().cycle().take(count))?);
    }
    Ok(())
}
