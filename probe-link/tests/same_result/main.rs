//! Linked programs do what unlinked ones do: random callers and functions run in an interpreter
//! (rbpf) before and after constants are folded and the function is put in the place of its
//! calls, and end with the same registers and the same memory.

mod object;
mod program;

use std::cell::Cell;

use probe_filter::ebpf::{Insn, Reg};
use probe_link::{Changes, Request, link};
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use rbpf::EbpfVmRaw;

use object::{FUNCTION, Loaded, MAP, load, object};
use program::{CONSTANTS, Reference, Step, assemble, caller, function};

const CASES: u32 = 5_000;

/// Size of the map's values.
const VALUE_SIZE: u32 = 0x0123_4568;

/// What a program left: r0, and the memory.
fn run(mut loaded: Loaded) -> Result<(u64, Vec<u8>), std::io::Error> {
    let machine = EbpfVmRaw::new(Some(&loaded.code))?;
    let result = machine.execute_program(&mut loaded.memory)?;
    drop(machine);
    Ok((result, loaded.memory))
}

/// A caller, the function, their first registers, those looked at in the end, and the constants.
type Case = (Vec<Step>, Vec<Step>, [[i32; 4]; 2], Vec<Reg>, [u64; CONSTANTS.len()]);

fn case() -> impl Strategy<Value = Case> {
    let value = || prop_oneof![Just(0u64), Just(1), Just(1 << 32), any::<u64>()];
    let values = [value(), value(), value(), value()];
    let values = values.prop_map(|mut values| {
        for (value, (_, size)) in values.iter_mut().zip(CONSTANTS) {
            *value &= u64::MAX >> (64 - 8 * size);
        }
        values
    });
    let preserved = proptest::sample::subsequence(vec![Reg(6), Reg(7), Reg(8), Reg(9)], 0..=4);
    (caller(), function(), any::<[[i32; 4]; 2]>(), preserved, values)
}

/// Links a case, runs it both ways, and says what linking changed and how many calls there were.
fn check(case: &Case) -> Result<(Changes, usize), TestCaseError> {
    let (caller, function, registers, looked_at, values) = case;
    let caller = assemble(caller, registers[0], looked_at);
    let function = assemble(function, registers[1], &[]).insns;

    let template = [Insn::new(0x95, Reg(0), Reg(0), 0, 0); 3];
    let compiled = object(&caller, &template, [0; CONSTANTS.len()]);
    let bytes = values.map(u64::to_le_bytes);
    let constants = CONSTANTS.iter().zip(&bytes);
    let constants: Vec<_> =
        constants.map(|(&(name, size), bytes)| (name, &bytes[..size])).collect();
    let request = Request {
        function: (FUNCTION, &function),
        constants: &constants,
        value_sizes: &[(MAP, VALUE_SIZE)],
        xdp_buff: None,
    };
    let linked = link(&compiled, &request).unwrap();

    let plain = load(&object(&caller, &function, *values));
    let changed = load(&linked.object);
    prop_assert_eq!(changed.value_size, VALUE_SIZE);
    // The constants are in the data, whether they are in the code or not.
    prop_assert_eq!(&changed.memory, &plain.memory);
    prop_assert_eq!(run(changed).unwrap(), run(plain).unwrap());
    let calls = caller.references.iter().filter(|(_, to)| matches!(to, Reference::Function));
    Ok((linked.changes, calls.count()))
}

#[test]
fn linked_programs_do_the_same() {
    // The same cases each time, so that what they reach can be counted on.
    let mut runner = TestRunner::new_with_rng(
        Config { cases: CASES, failure_persistence: None, ..Config::default() },
        proptest::test_runner::TestRng::deterministic_rng(Default::default()),
    );
    let total = Cell::new(Changes::default());
    let result = runner.run(&case(), |case| {
        let (sum, (one, calls)) = (total.get(), check(&case)?);
        prop_assert_eq!(one.inlined, calls);
        total.set(Changes {
            lengths: 0,
            folded: sum.folded + one.folded,
            inlined: sum.inlined + one.inlined,
            saved: sum.saved + one.saved,
        });
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let Changes { folded, inlined, saved, .. } = total.get();
    println!("{CASES} programs: {inlined} calls, {folded} constants, {saved} registers saved");
    // Of four registers some are saved and some are not, and constants are there to be folded.
    assert!(inlined >= CASES as usize && folded >= CASES as usize, "{inlined} {folded}");
    assert!((inlined..3 * inlined).contains(&saved), "{saved} of {inlined} calls");
}

#[test]
fn a_function_too_long_stays_a_call() {
    let step = |with| Step::Arithmetic { code: 0x07, narrow: false, dst: Reg(0), with };
    let long = vec![step(program::With::Immediate(3)); 16_000];
    let caller = vec![Step::Call, Step::Constant { dst: Reg(6), which: 0 }];
    let case = (caller, long, [[1; 4]; 2], vec![Reg(0), Reg(6)], [5, 6, 7, 8]);
    let (changes, calls) = check(&case).unwrap();
    assert_eq!((changes.inlined, changes.saved, changes.folded, calls), (0, 0, 1, 1));
}
