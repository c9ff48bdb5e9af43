use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn rules(names: &[&str]) -> Vec<Rule> {
    names.iter().map(|name| Rule::new(*name, "")).collect()
}

fn list(key: &str) -> List {
    List { key: key.parse().unwrap(), top: Some(10), distinct: false }
}

fn counter(packets: u64) -> Counter {
    Counter { packets, bytes: packets * 60 }
}

/// Whose each counter is: a rule's name, or with a list's key behind it.
fn order(slots: &Slots, rules: &[Rule]) -> Vec<String> {
    let lists = lists_of(rules).map(|(rule, list)| format!("{} {}", rule.name, list.key));
    let names: Vec<String> = rules.iter().map(|rule| rule.name.clone()).chain(lists).collect();
    let of = slots.entries();
    of.map(|entry| entry.map_or("-".into(), |entry| names[entry].clone())).collect()
}

#[test]
fn a_rule_keeps_its_counter_and_a_free_one_starts_at_nothing() {
    let first = rules(&["a", "b", "c"]);
    let slots = Slots::default().next(&first, &[]).unwrap();
    assert_eq!(order(&slots, &first), ["a", "b", "c"]);
    let counted = [3, 5, 7].map(counter);
    assert_eq!(slots.counts(&counted), counted);

    // b's counter is raised until its programs are gone.
    let second = rules(&["c", "d", "a"]);
    let slots = slots.next(&second, &counted).unwrap();
    assert_eq!(order(&slots, &second), ["a", "-", "c", "d"]);
    let counted = [4, 9, 8, 2].map(counter);
    assert_eq!(slots.counts(&counted), [8, 2, 4].map(counter));

    // Now it is e's, which begins with nothing; b is another rule when it comes back.
    let third = rules(&["e", "b", "a"]);
    let slots = slots.next(&third, &counted).unwrap();
    assert_eq!(order(&slots, &third), ["a", "e", "-", "-", "b"]);
    let counted = [4, 10, 8, 2, 6].map(counter);
    assert_eq!(slots.counts(&counted), [1, 6, 4].map(counter));
}

#[test]
fn another_text_is_another_rule() {
    let before = rules(&["a"]);
    let slots = Slots::default().next(&before, &[]).unwrap();
    let after = [Rule::new("a", "tcp")];
    let slots = slots.next(&after, &[counter(7)]).unwrap();
    assert_eq!(order(&slots, &after), ["-", "a"]);
    assert_eq!(slots.counts(&[counter(9), counter(1)]), [counter(1)]);
}

/// The rule's count goes on; what it had matched before is known to the frame, and belongs to no list.
#[test]
fn a_list_that_comes_later_knows_what_its_rule_had_matched_before() {
    let mut rule = rules(&["a"]);
    let first = Slots::default().next(&rule, &[]).unwrap();
    rule[0].lists = vec![list("src")];
    let second = first.next(&rule, &[counter(7)]).unwrap();
    assert_eq!(order(&second, &rule), ["-", "a", "a src"]);
    assert_eq!(second.lists_of(&first), [None]);
    // Programs without the list counted two more.
    let counted = [9, 5, 4].map(counter);
    assert_eq!(second.counts(&counted), [14, 4].map(counter));
    assert_eq!(second.before(&counted), [9]);

    // The list stays, and one that is none of its kind comes beside it.
    let mut more = rule.clone();
    more[0].lists = vec![List { top: None, distinct: true, ..list("dport") }, list("src")];
    let third = second.next(&more, &counted).unwrap();
    assert_eq!(order(&third, &more), ["a", "-", "a src", "a dport"]);
    assert_eq!(third.lists_of(&second), [None, Some(0)]);
    let counted = [10, 6, 8, 3].map(counter);
    assert_eq!(third.counts(&counted), [16, 3, 8].map(counter));
    assert_eq!(third.before(&counted), [15, 9]);

    // How many keys are shown makes no other list; whether there is a number of different ones does.
    more[0].lists = vec![List { top: Some(3), ..list("src") }];
    let fewer = third.next(&more, &counted).unwrap();
    assert_eq!((fewer.lists_of(&third), fewer.before(&counted)), (vec![Some(1)], vec![9]));
    assert_eq!(fewer.counts(&counted), [16, 8].map(counter));
    more[0].lists = vec![List { distinct: true, ..list("src") }];
    let another = third.next(&more, &counted).unwrap();
    assert_eq!((another.lists_of(&third), another.before(&counted)), (vec![None], vec![16]));
}

#[test]
fn there_is_room_for_so_many() {
    let names = |range: std::ops::Range<usize>| -> Vec<Rule> {
        range.map(|n| Rule::new(format!("r{n}"), "")).collect()
    };
    let slots = Slots::default().next(&names(0..1000), &[]).unwrap();
    let error = slots.next(&names(500..1100), &[]).unwrap_err();
    assert_eq!(error, TooMany { old: 1000, new: 100 });
    let fewer = slots.next(&names(500..1000), &[]).unwrap();
    assert!(fewer.next(&names(500..1100), &[]).is_ok());
    // Those that go on from another counter count, too.
    let mut listed = names(0..1000);
    listed[..20].iter_mut().for_each(|rule| rule.lists.push(list("src")));
    let error = slots.next(&listed, &[]).unwrap_err();
    assert_eq!(error, TooMany { old: 1000, new: 40 });
}

/// What is known of a rule or list without any counter that several share.
#[derive(Clone, Copy, Default)]
struct Model {
    count: u64,
    before: u64,
}

/// A number of rules, of which some have a list; and whether the kernel refuses them.
fn generations() -> impl Strategy<Value = Vec<(BTreeSet<u8>, BTreeSet<u8>, bool)>> {
    let set = || prop::collection::btree_set(0..8u8, 1..7);
    prop::collection::vec((set(), set(), prop::bool::weighted(0.2)), 1..16)
}

/// One frame for each counter that has an owner, as many as the counter's number says.
fn raise(counted: &mut Vec<Counter>, slots: &Slots) -> Vec<(Name, u64)> {
    let mut raised = Vec::new();
    for (at, slot) in slots.slots.iter().enumerate() {
        counted.resize(counted.len().max(at + 1), Counter::default());
        if let Some(owner) = &slot.owner {
            counted[at] += counter(at as u64 + 1);
            raised.push((owner.name.clone(), at as u64 + 1));
        }
    }
    raised
}

proptest! {
    /// Against a model that gives each rule and list a count of its own: whatever sets follow one
    /// another, however late old programs stop to count, and where the kernel refuses new ones that
    /// have counted.
    #[test]
    fn every_rule_and_list_has_its_own_count(sets in generations()) {
        let (mut slots, mut counted) = (Slots::default(), Vec::<Counter>::new());
        let mut model: BTreeMap<String, Model> = BTreeMap::new();
        let id = |name: &Name| format!("{name:?}");
        let whole = |name: &Name| id(&Name { list: None, ..name.clone() });
        let names = |slots: &Slots| -> Vec<Name> {
            slots.slots.iter().flat_map(|slot| &slot.owner).map(|it| it.name.clone()).collect()
        };
        for (present, listed, refused) in sets {
            let rule = |n: &u8| {
                let mut rule = Rule::new(format!("r{n}"), "");
                rule.lists.extend(listed.contains(n).then(|| list("src")));
                rule
            };
            let all: Vec<Rule> = present.iter().map(rule).collect();
            let mut next = slots.next(&all, &counted).unwrap();
            // Programs of the old rules count until the exchange is over.
            for (name, count) in raise(&mut counted, &slots) {
                model.entry(id(&name)).or_default().count += count;
            }
            if refused {
                let known = names(&slots);
                for (name, count) in raise(&mut counted, &next) {
                    if known.contains(&name) {
                        model.entry(id(&name)).or_default().count += count;
                    }
                }
                slots.take_back(&next, &counted);
            } else {
                let known = names(&next);
                model.retain(|key, _| known.iter().any(|name| id(name) == *key));
                for name in &known {
                    let of_rule = model.get(&whole(name)).copied().unwrap_or_default().count;
                    let new = Model { count: 0, before: of_rule };
                    model.entry(id(name)).or_insert(new);
                }
                std::mem::swap(&mut slots, &mut next);
            }
            for (name, count) in raise(&mut counted, &slots) {
                model.entry(id(&name)).or_default().count += count;
            }
            let (counts, before) = (slots.counts(&counted), slots.before(&counted));
            for owner in slots.slots.iter().flat_map(|slot| &slot.owner) {
                let expected = model[&id(&owner.name)];
                prop_assert_eq!(counts[owner.entry], counter(expected.count));
                if owner.name.list.is_some() {
                    prop_assert_eq!(before[owner.entry - slots.rules], expected.before);
                }
            }
        }
    }
}
