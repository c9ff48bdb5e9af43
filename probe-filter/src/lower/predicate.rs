//! Predicates under construction. A graph is built from its end, a filter is read from
//! its start: this is what lies between.

use crate::ir::{Graph, Node, Region, Target, Test, ValueId, Var};

/// A predicate in [`Predicates`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PredicateId(usize);

/// Something true or false of a frame.
#[derive(Clone, Debug)]
enum Predicate {
    Constant(bool),
    Test {
        sets: Vec<(Var, ValueId)>,
        test: Test,
    },
    Not(PredicateId),
    And(PredicateId, PredicateId),
    Or(PredicateId, PredicateId),
    If(PredicateId, PredicateId, PredicateId),
    /// The same, marked as a region of the graph.
    Region(PredicateId),
}

/// An arena of predicates. Each is used at most once.
#[derive(Debug, Default)]
pub struct Predicates(Vec<Predicate>);

impl Predicates {
    fn add(&mut self, predicate: Predicate) -> PredicateId {
        self.0.push(predicate);
        PredicateId(self.0.len() - 1)
    }

    pub fn constant(&mut self, value: bool) -> PredicateId {
        self.add(Predicate::Constant(value))
    }

    pub fn test(&mut self, sets: Vec<(Var, ValueId)>, test: Test) -> PredicateId {
        self.add(Predicate::Test { sets, test })
    }

    pub fn not(&mut self, of: PredicateId) -> PredicateId {
        self.add(Predicate::Not(of))
    }

    /// `right` is evaluated only where `left` holds.
    pub fn and(&mut self, left: PredicateId, right: PredicateId) -> PredicateId {
        self.add(Predicate::And(left, right))
    }

    /// `right` is evaluated only where `left` does not hold.
    pub fn or(&mut self, left: PredicateId, right: PredicateId) -> PredicateId {
        self.add(Predicate::Or(left, right))
    }

    /// `yes` where the condition holds, else `no`.
    pub fn choose(
        &mut self,
        condition: PredicateId,
        yes: PredicateId,
        no: PredicateId,
    ) -> PredicateId {
        self.add(Predicate::If(condition, yes, no))
    }

    /// The same; its nodes become a [`Region`].
    pub fn region(&mut self, of: PredicateId) -> PredicateId {
        self.add(Predicate::Region(of))
    }

    /// The first test of a predicate, to which assignments are added that come before
    /// everything else in it.
    pub fn assign_first(&mut self, id: PredicateId, sets: &[(Var, ValueId)]) {
        let mut at = id;
        loop {
            match &mut self.0[at.0] {
                Predicate::Not(of)
                | Predicate::And(of, _)
                | Predicate::Or(of, _)
                | Predicate::If(of, _, _)
                | Predicate::Region(of) => at = *of,
                Predicate::Test { sets: own, .. } => {
                    own.splice(0..0, sets.iter().copied());
                    return;
                }
                Predicate::Constant(_) => return,
            }
        }
    }

    /// Adds the nodes of a predicate to a graph. Without recursion: a predicate nests
    /// as deep as its text is long.
    pub fn emit(&mut self, id: PredicateId, graph: &mut Graph) -> Target {
        let mut tasks = vec![Task::Emit(id, Target::Match, Target::NoMatch)];
        let mut done: Vec<Target> = Vec::new();
        let mut emitted = vec![false; self.0.len()];
        while let Some(task) = tasks.pop() {
            let (id, yes, no) = match task {
                Task::Emit(id, yes, no) => (id, yes, no),
                Task::AfterRight { left, other, and } => {
                    // The right operand is done: it is where the left one leads.
                    let right = done.pop().unwrap_or(Target::NoMatch);
                    if and { (left, right, other) } else { (left, other, right) }
                }
                Task::Mark(yes, no) => {
                    if let Some(&Target::Node(entry)) = done.last()
                        && yes != no
                    {
                        graph.mark(Region { entry, yes, no });
                    }
                    continue;
                }
                Task::AfterBranches(condition) => {
                    let no = done.pop().unwrap_or(Target::NoMatch);
                    let yes = done.pop().unwrap_or(Target::NoMatch);
                    (condition, yes, no)
                }
            };
            match &mut self.0[id.0] {
                Predicate::Constant(value) => done.push(if *value { yes } else { no }),
                Predicate::Test { sets, test } => {
                    let again = std::mem::replace(&mut emitted[id.0], true);
                    debug_assert!(!again, "a predicate is used once");
                    let node = Node { sets: std::mem::take(sets), test: *test, yes, no };
                    done.push(graph.node(node));
                }
                Predicate::Not(of) => tasks.push(Task::Emit(*of, no, yes)),
                Predicate::And(left, right) => {
                    tasks.push(Task::AfterRight { left: *left, other: no, and: true });
                    tasks.push(Task::Emit(*right, yes, no));
                }
                Predicate::Or(left, right) => {
                    tasks.push(Task::AfterRight { left: *left, other: yes, and: false });
                    tasks.push(Task::Emit(*right, yes, no));
                }
                Predicate::Region(of) => {
                    tasks.push(Task::Mark(yes, no));
                    tasks.push(Task::Emit(*of, yes, no));
                }
                Predicate::If(condition, then, otherwise) => {
                    tasks.push(Task::AfterBranches(*condition));
                    tasks.push(Task::Emit(*otherwise, yes, no));
                    tasks.push(Task::Emit(*then, yes, no));
                }
            }
        }
        done.pop().unwrap_or(Target::NoMatch)
    }
}

enum Task {
    Emit(PredicateId, Target, Target),
    AfterRight { left: PredicateId, other: Target, and: bool },
    AfterBranches(PredicateId),
    Mark(Target, Target),
}
