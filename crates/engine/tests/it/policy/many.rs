//! Sets with more to ask than one word of bits holds, of one operand and of all; and numbers on either side of what they
//! are compared with.

use countersign_engine::policy::{Condition, Policy};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{
    arbitrary::grouped,
    compile, condition, id,
    naive::{self, TRUE, Value, World},
    policy, tag,
};

/// The places of the conditions that hold, of policies that all are asked.
fn held(conditions: &[Condition], world: &World) -> Vec<usize> {
    let with_id = |(n, when): (u8, &Condition)| (id(n), policy(when.clone(), tag("held")));
    let policies: Vec<(_, Policy)> = (0..).zip(conditions).map(with_id).collect();
    let set = compile(&policies);
    let outcome = set.run("login", &naive::facts(world, set.operands()));
    outcome.matched.iter().map(|matched| policies.iter().position(|(id, _)| *id == matched.id).unwrap()).collect()
}

fn plainly(conditions: &[Condition], world: &World) -> Vec<usize> {
    conditions
        .iter()
        .enumerate()
        .filter(|(_, when)| naive::truth(when, world) == TRUE)
        .map(|(place, _)| place)
        .collect()
}

/// Comparisons that are hardly ever the same.
fn comparison() -> impl Strategy<Value = Condition> {
    let number = |ops| (select(ops), 0..200_u8);
    let numbers = number(vec![">", ">=", "<", "<=", "=", "!="]).prop_map(|(op, n)| format!("device_count {op} {n}"));
    let others = number(vec![">", "<="]).prop_map(|(op, n)| format!("ip_user_count {op} {n}"));
    let sets = (any::<bool>(), vec(0..200_u8, 1..4))
        .prop_map(|(is_in, set)| format!("device_count {} {set:?}", if is_in { "in" } else { "not in" }));
    let users = (select(vec!["=", "!="]), 0..90_u8).prop_map(|(op, n)| format!("user_external_id {op} \"u{n}\""));
    let parts = (0..90_u8).prop_map(|n| format!("user_external_id starts_with \"u{n}\""));
    let flags = select(vec!["is_new_user", "is_new_ip", "is_new_user = false", "ip_user_count exists"]);
    let flags = flags.prop_map(String::from);
    prop_oneof![3 => numbers, 2 => others, 1 => sets, 2 => users, 1 => parts, 1 => flags]
        .prop_map(|text| condition(&text))
}

fn world() -> impl Strategy<Value = World> {
    let number = || option::of((0..400_u16).prop_map(|halves| Value::Number(f64::from(halves) / 2.0)));
    let flag = || option::of(any::<bool>().prop_map(Value::Bool));
    let user = option::of((0..95_u8).prop_map(|n| Value::Text(format!("u{n}"))));
    (number(), number(), user, flag(), flag()).prop_map(|(devices, users, user, is_new_user, is_new_ip)| {
        let known = [
            ("device_count", devices),
            ("ip_user_count", users),
            ("user_external_id", user),
            ("is_new_user", is_new_user),
            ("is_new_ip", is_new_ip),
        ];
        known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn many_policies_hold_where_their_trees_do(conditions in vec(grouped(comparison()), 100..200), world in world()) {
        prop_assert_eq!(held(&conditions, &world), plainly(&conditions, &world));
    }
}

#[test]
fn each_of_hundreds_of_comparisons_with_one_number_has_its_own_answer() {
    let conditions: Vec<_> = (0..250).map(|n| condition(&format!("device_count > {n}"))).collect();
    for seen in [0.0, 63.0, 63.5, 64.0, 127.0, 128.5, 250.0] {
        let world = World::from([("device_count".to_owned(), Value::Number(seen))]);
        let below = (0_usize..250).zip(0_u8..).filter(|(_, n)| f64::from(*n) < seen);
        assert_eq!(held(&conditions, &world), below.map(|(place, _)| place).collect::<Vec<_>>());
    }
}

#[test]
fn a_group_holds_only_with_all_of_its_parts_however_many_words_they_fill() {
    let above = |n: u8| format!("device_count > {n}");
    let all: Vec<_> = (0..150).map(above).collect();
    let none: Vec<_> = all.iter().map(|text| format!("not {text}")).collect();
    let texts = [all.join(" and "), all.join(" or "), none.join(" and "), none.join(" or ")];
    let conditions = texts.map(|text| condition(&text));
    let seen = |number| held(&conditions, &World::from([("device_count".to_owned(), Value::Number(number))]));
    assert_eq!(seen(150.0), [0, 1]);
    assert_eq!(seen(149.0), [1, 3]);
    assert_eq!(seen(1.0), [1, 3]);
    assert_eq!(seen(0.0), [2, 3]);
    assert_eq!(held(&conditions, &World::new()), [0_usize; 0]);
}

#[test]
fn of_nothing_known_nothing_holds_in_either_direction() {
    let asked =
        ["is_new_user", "is_new_user = false", "device_count > 3", "device_count != 3", "action not in [\"a\"]"];
    let negated = asked.map(|text| format!("not {text}"));
    let either = asked.map(|text| format!("{text} or not {text}"));
    let texts = asked.map(String::from).into_iter().chain(negated).chain(either).chain(["not ip exists".into()]);
    let conditions: Vec<_> = texts.map(|text| condition(&text)).collect();
    assert_eq!(held(&conditions, &World::new()), [conditions.len() - 1]);
}

#[test]
fn a_number_is_told_from_its_nearest_neighbours() {
    let ops = ["> 3", ">= 3", "< 3", "<= 3", "= 3", "!= 3", "in [0, 3]", "not in [3, 0]", "> 0", "= 0", "< 0"];
    let both = ops.iter().flat_map(|op| [format!("metadata.n {op}"), format!("not metadata.n {op}")]);
    let conditions: Vec<_> = both.map(|text| condition(&text)).collect();
    let around = [0.0_f64, 3.0].into_iter().flat_map(|n| [n.next_down(), n, n.next_up()]);
    for seen in around.chain([-0.0, 1.5, f64::MIN, f64::MAX, f64::INFINITY, f64::NEG_INFINITY]) {
        let world = World::from([("metadata.n".to_owned(), Value::Number(seen))]);
        assert_eq!(held(&conditions, &world), plainly(&conditions, &world), "{seen}");
    }
}
