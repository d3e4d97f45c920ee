//! One decision by each engine on the same rules and inputs. Before anything is timed, all must agree on thousands of
//! inputs.
//!
//! Each is taken at its best: rules compiled and inputs in the engine's own form before the clock starts, machines kept.

use std::{collections::BTreeMap, hint::black_box, str::FromStr as _, sync::Arc};

use countersign_bench_policies::{COUNTRY, Comparison, Draw, FLAGS, Input, NUMBERS, Rule};
use countersign_engine::{
    environment::Environment,
    fact::Fact,
    id::PolicyId,
    policy::{Operand, Policy, PolicySet},
};
use criterion::{Criterion, criterion_group, criterion_main};

/// Agreement is asked on so many inputs.
const AGREED: usize = 3_000;
/// So many inputs are timed in turn.
const TIMED: usize = 64;

/// An engine with its rules, and inputs in its own form.
trait Engine {
    type Input;
    fn new(rules: &[Rule]) -> Self;
    fn input(&self, input: &Input) -> Self::Input;
    /// What is timed; anything that keeps the answer alive.
    fn decide(&mut self, input: &Self::Input) -> impl Sized;
    /// The first rule that holds.
    fn first(&mut self, input: &Self::Input) -> Option<usize>;
}

struct Countersign(PolicySet);

impl Engine for Countersign {
    type Input = Vec<Fact<'static>>;

    fn new(rules: &[Rule]) -> Self {
        let policy = |(n, rule): (usize, &Rule)| {
            let text = |comparison: &Comparison| comparison.written("", "=");
            let Rule { first, either: [b, c], last } = rule;
            let when = format!("{} and ({} or {}) and {}", text(first), text(b), text(c), text(last));
            let policy = serde_json::json!({"name": "rule", "environment": "production", "when": when, "then": "deny"});
            (PolicyId::new(n as i64, [0; 10]), serde_json::from_value::<Policy>(policy).expect("a policy"))
        };
        let policies: Vec<_> = rules.iter().enumerate().map(policy).collect();
        Self(PolicySet::compile(&policies, Environment::Production))
    }

    fn input(&self, input: &Input) -> Self::Input {
        let fact = |operand: &Operand| {
            let name = operand.to_string();
            let flag = FLAGS.iter().position(|flag| *flag == name).map(|place| Fact::Bool(input.flags[place]));
            let number = NUMBERS.iter().position(|number| *number == name);
            let number = number.map(|place| Fact::Number(input.numbers[place].into()));
            flag.or(number).unwrap_or(Fact::Text(input.country))
        };
        self.0.operands().iter().map(fact).collect()
    }

    fn decide(&mut self, input: &Self::Input) -> impl Sized {
        self.0.run("login", input).winner().map(|winner| winner.id)
    }

    fn first(&mut self, input: &Self::Input) -> Option<usize> {
        let winner = self.0.run("login", input).winner().map(|winner| winner.id)?;
        (0..).find(|n| PolicyId::new(*n, [0; 10]) == winner).map(|n| n as usize)
    }
}

/// Cedar knows no order: it says which rules hold, and asks all of them.
struct Cedar(cedar_policy::PolicySet, cedar_policy::Authorizer, cedar_policy::Entities);

impl Engine for Cedar {
    type Input = cedar_policy::Request;

    fn new(rules: &[Rule]) -> Self {
        let mut set = cedar_policy::PolicySet::new();
        for (n, Rule { first, either: [b, c], last }) in rules.iter().enumerate() {
            let text = |comparison: &Comparison| comparison.written("context.", "==");
            let source = format!(
                "permit(principal, action, resource) when {{ {} && ({} || {}) && {} }};",
                text(first),
                text(b),
                text(c),
                text(last)
            );
            let id = cedar_policy::PolicyId::new(n.to_string());
            set.add(cedar_policy::Policy::parse(Some(id), source).expect("a policy")).expect("a new one");
        }
        Self(set, cedar_policy::Authorizer::new(), cedar_policy::Entities::empty())
    }

    fn input(&self, input: &Input) -> Self::Input {
        use cedar_policy::{Context, EntityUid, Request, RestrictedExpression as Value};
        let flags = FLAGS.iter().zip(&input.flags).map(|(name, flag)| (name.to_string(), Value::new_bool(*flag)));
        let numbers = NUMBERS.iter().zip(&input.numbers);
        let numbers = numbers.map(|(name, number)| (name.to_string(), Value::new_long((*number).into())));
        let country = (COUNTRY.to_owned(), Value::new_string(input.country.to_owned()));
        let context = Context::from_pairs(flags.chain(numbers).chain([country])).expect("a context");
        let one = |kind: &str| EntityUid::from_str(&format!("{kind}::\"one\"")).expect("an id");
        Request::new(one("User"), one("Action"), one("Site"), context, None).expect("a request")
    }

    fn decide(&mut self, input: &Self::Input) -> impl Sized {
        self.1.is_authorized(input, &self.0, &self.2)
    }

    fn first(&mut self, input: &Self::Input) -> Option<usize> {
        let answer = self.1.is_authorized(input, &self.0, &self.2);
        assert_eq!(answer.diagnostics().errors().count(), 0);
        answer.diagnostics().reason().map(|id| id.to_string().parse().expect("a number")).min()
    }
}

/// Regorus by its virtual machine: the set of rules that hold.
struct Rego(regorus::rvm::vm::RegoVM);

impl Engine for Rego {
    type Input = regorus::Value;

    fn new(rules: &[Rule]) -> Self {
        let mut source = String::from("package rules\n\nimport rego.v1\n\n");
        for (n, Rule { first, either, last }) in rules.iter().enumerate() {
            let text = |comparison: &Comparison| comparison.written("input.", "==");
            either.iter().for_each(|one| source.push_str(&format!("either_{n} if {}\n", text(one))));
            source.push_str(&format!(
                "hold contains {n} if {{\n  {}\n  either_{n}\n  {}\n}}\n\n",
                text(first),
                text(last)
            ));
        }
        let mut engine = regorus::Engine::new();
        engine.add_policy("rules.rego".to_owned(), source).expect("a policy");
        let compiled = engine.compile_with_entrypoint(&"data.rules.hold".into()).expect("it compiles");
        let program =
            regorus::languages::rego::compiler::Compiler::compile_from_policy(&compiled, &["data.rules.hold"]);
        let mut machine = regorus::rvm::vm::RegoVM::new();
        machine.load_program(program.expect("a program"));
        // A thousand rules are more steps than it allows by itself.
        machine.set_max_instructions(10_000_000);
        Self(machine)
    }

    fn input(&self, input: &Input) -> Self::Input {
        let mut all = BTreeMap::new();
        for (name, flag) in FLAGS.iter().zip(&input.flags) {
            all.insert(regorus::Value::from(*name), regorus::Value::from(*flag));
        }
        for (name, number) in NUMBERS.iter().zip(&input.numbers) {
            all.insert(regorus::Value::from(*name), regorus::Value::from(u64::from(*number)));
        }
        all.insert(regorus::Value::from(COUNTRY), regorus::Value::from(input.country));
        regorus::Value::Object(Arc::new(all.into()))
    }

    fn decide(&mut self, input: &Self::Input) -> impl Sized {
        self.0.set_input(input.clone());
        self.0.execute().expect("an answer")
    }

    fn first(&mut self, input: &Self::Input) -> Option<usize> {
        self.0.set_input(input.clone());
        let answer = self.0.execute().expect("an answer");
        answer.as_set().expect("a set").iter().map(|n| n.as_u64().expect("a number") as usize).min()
    }
}

/// The expression machine of zen-engine, rule by rule until one holds: without the graph around it, which only adds.
struct Zen(Vec<zen_expression::Expression<zen_expression::expression::Standard>>, zen_expression::vm::VM);

impl Engine for Zen {
    type Input = zen_expression::scope::Scope;

    fn new(rules: &[Rule]) -> Self {
        let compiled = rules.iter().map(|Rule { first, either: [b, c], last }| {
            let text = |comparison: &Comparison| comparison.written("", "==");
            let source = format!("{} and ({} or {}) and {}", text(first), text(b), text(c), text(last));
            zen_expression::compile_expression(&source).expect("an expression")
        });
        Self(compiled.collect(), zen_expression::vm::VM::new())
    }

    fn input(&self, input: &Input) -> Self::Input {
        let mut all = serde_json::Map::new();
        all.extend(FLAGS.iter().zip(&input.flags).map(|(name, flag)| (name.to_string(), (*flag).into())));
        all.extend(NUMBERS.iter().zip(&input.numbers).map(|(name, number)| (name.to_string(), (*number).into())));
        all.insert(COUNTRY.to_owned(), input.country.into());
        zen_expression::scope::Scope::new(serde_json::Value::Object(all).into())
    }

    fn decide(&mut self, input: &Self::Input) -> impl Sized {
        self.first(input)
    }

    fn first(&mut self, input: &Self::Input) -> Option<usize> {
        let Self(rules, machine) = self;
        rules.iter().position(|rule| {
            let answer = rule.evaluate_with_scope(input, machine).expect("an answer");
            answer.as_bool().expect("true or false")
        })
    }
}

/// What each engine says of each input.
fn said<E: Engine>(rules: &[Rule], inputs: &[Input]) -> Vec<Option<usize>> {
    let mut engine = E::new(rules);
    let inputs: Vec<_> = inputs.iter().map(|input| engine.input(input)).collect();
    inputs.iter().map(|input| engine.first(input)).collect()
}

fn time<E: Engine>(criterion: &mut Criterion, name: &str, rules: &[Rule], inputs: &[Input]) {
    let mut engine = E::new(rules);
    let inputs: Vec<_> = inputs.iter().map(|input| engine.input(input)).collect();
    let mut turn = 0;
    criterion.bench_function(&format!("{} policies/{name}", rules.len()), |bencher| {
        bencher.iter(|| {
            turn = (turn + 1) % inputs.len();
            black_box(engine.decide(black_box(&inputs[turn])));
        });
    });
}

fn beside_others(criterion: &mut Criterion) {
    for count in [20, 1_000] {
        let mut draw = Draw(count as u64);
        let rules = draw.rules(count);
        let inputs: Vec<Input> = (0..AGREED).map(|n| if n % 2 == 0 { draw.any() } else { draw.quiet() }).collect();
        let ours = said::<Countersign>(&rules, &inputs);
        assert!(ours.iter().any(Option::is_some) && ours.iter().any(Option::is_none), "both must happen");
        assert!(said::<Cedar>(&rules, &inputs) == ours, "Cedar says otherwise");
        assert!(said::<Rego>(&rules, &inputs) == ours, "Regorus says otherwise");
        assert!(said::<Zen>(&rules, &inputs) == ours, "Zen says otherwise");
        let timed: Vec<Input> = (0..TIMED).map(|_| draw.quiet()).collect();
        assert!(said::<Countersign>(&rules, &timed).iter().all(Option::is_none), "nobody may stop early");
        time::<Countersign>(criterion, "countersign", &rules, &timed);
        time::<Cedar>(criterion, "cedar-policy", &rules, &timed);
        time::<Rego>(criterion, "regorus", &rules, &timed);
        time::<Zen>(criterion, "zen-expression", &rules, &timed);
    }
}

criterion_group!(benches, beside_others);
criterion_main!(benches);
