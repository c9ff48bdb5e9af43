//! ATA over Ethernet.

use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, bits, put, put_name},
};

const HEADER: usize = 10;
const MAC: usize = 6;
const MAX_CONFIG: usize = 1024;
const ERROR: u8 = 4;

const FLAGS: &[(u32, &str)] = &[(8, "Response"), (4, "Error"), (2, "MBZ-1"), (1, "MBZ-0")];

const COMMANDS: &[(u8, &str)] = &[
    (0, "Issue ATA Command"),
    (1, "Query Config Information"),
    (2, "MAC Mask List"),
    (3, "Reserve/Release"),
];

const ERRORS: &[(u8, &str)] = &[
    (1, "Unrecognized command code"),
    (2, "Bad argument parameter"),
    (3, "Device unavailable"),
    (4, "Config string present"),
    (5, "Unsupported version"),
    (6, "Target is reserved"),
];

const ATA_FLAGS: &[(u32, &str)] = &[
    (0x80, "MBZ-7"),
    (0x40, "Ext48"),
    (0x20, "MBZ-5"),
    (0x10, "Device"),
    (0x08, "MBZ-3"),
    (0x04, "MBZ-2"),
    (0x02, "Async"),
    (0x01, "Write"),
];

const CONFIG_COMMANDS: &[(u8, &str)] = &[
    (0, "read config string"),
    (1, "test config string"),
    (2, "test config string prefix"),
    (3, "set config string"),
    (4, "force set config string"),
];

const MASK_COMMANDS: &[(u8, &str)] = &[(0, "Read Mac Mask List"), (1, "Edit Mac Mask List")];
const MASK_ERRORS: &[(u8, &str)] =
    &[(1, "Unspecified Error"), (2, "Bad DCmd directive"), (3, "Mask list full")];
const DIRECTIVES: &[(u8, &str)] = &[
    (0, "No Directive"),
    (1, "Add mac address to mask list"),
    (2, "Delete mac address from mask list"),
];
const RESERVE_COMMANDS: &[(u8, &str)] =
    &[(0, "Read reserve list"), (1, "Set reserve list"), (2, "Force set reserve list")];

/// Prints version and flags; with `-v` the command.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "aoe";
    put!(t, "AoE length {length}");
    if length < 1 {
        return Err(Stop::Invalid);
    }
    let first = p.u8(0)?;
    put!(t, ", Ver {}", first >> 4);
    if first >> 4 != 1 {
        return Ok(());
    }
    if length < HEADER {
        return t.invalid_rest(p, length);
    }
    let flags = first & 0xf;
    put!(t, ", Flags: [{}]", bits(FLAGS, flags.into(), ", ", "none"));
    if t.style.verbose == 0 {
        return Ok(());
    }
    if flags & ERROR != 0 {
        let error = p.u8(1)?;
        put!(t, "\n\tError: ");
        put_name!(t, ERRORS, error, "Invalid ({error})");
    }
    put!(t, "\n\tMajor: 0x{:04x}", p.u16(2)?);
    put!(t, ", Minor: 0x{:02x}", p.u8(4)?);
    let command = p.u8(5)?;
    put!(t, ", Command: ");
    put_name!(t, COMMANDS, command, "Unknown (0x{command:02x})");
    put!(t, ", Tag: 0x{:08x}", p.u32(6)?);
    let argument = Fields::new(p.from(HEADER), length - HEADER);
    match command {
        0 => issue(t, argument),
        1 => query(t, argument),
        2 => mask_list(t, argument),
        3 => reserve(t, argument),
        _ => Ok(()),
    }
}

fn issue(t: &mut Text<'_>, mut argument: Fields<'_>) -> Result<(), Stop> {
    const ARGUMENT: usize = 12;
    if argument.left() < ARGUMENT {
        return t.invalid_rest(argument.rest(), argument.left());
    }
    put!(t, "\n\tAFlags: [{}]", bits(ATA_FLAGS, argument.u8()?.into(), ", ", "none"));
    for name in ["Err/Feature", "Sector Count", "Cmd/Status"] {
        put!(t, ", {name}: {}", argument.u8()?);
    }
    for number in 0..6 {
        let lead = if number == 0 { "\n\t" } else { ", " };
        put!(t, "{lead}lba{number}: {}", argument.u8()?);
    }
    argument.slice(2)?;
    if argument.left() > 0 {
        put!(t, "\n\tData: {} bytes", argument.left());
    }
    Ok(())
}

fn query(t: &mut Text<'_>, mut argument: Fields<'_>) -> Result<(), Stop> {
    const ARGUMENT: usize = 8;
    if argument.left() < ARGUMENT {
        return t.invalid_rest(argument.rest(), argument.left());
    }
    put!(t, "\n\tBuffer Count: {}", argument.u16()?);
    put!(t, ", Firmware Version: {}", argument.u16()?);
    put!(t, ", Sector Count: {}", argument.u8()?);
    let command = argument.u8()?;
    put!(t, ", AoE: {}, CCmd: ", command >> 4);
    // That this is all, without the number, is tcpdump's own text.
    put_name!(t, CONFIG_COMMANDS, command & 0xf, "Unknown (0x02x)");
    let length = usize::from(argument.u16()?);
    if length > MAX_CONFIG || length > argument.left() {
        return t.invalid_rest(argument.rest(), argument.left());
    }
    if length > 0 {
        put!(t, "\n\tConfig String (length {length}): ");
        t.string(argument.rest(), length)?;
    }
    Ok(())
}

fn mask_list(t: &mut Text<'_>, mut argument: Fields<'_>) -> Result<(), Stop> {
    const ARGUMENT: usize = 4;
    const DIRECTIVE: usize = 8;
    if argument.left() < ARGUMENT {
        return t.invalid_rest(argument.rest(), argument.left());
    }
    argument.skip(1);
    let command = argument.u8()?;
    put!(t, "\n\tMCmd: ");
    put_name!(t, MASK_COMMANDS, command, "Unknown (0x{command:02x})");
    let error = argument.u8()?;
    put!(t, ", MError: ");
    put_name!(t, MASK_ERRORS, error, "Unknown (0x{error:02x})");
    let count = argument.u8()?;
    put!(t, ", Dir Count: {count}");
    if usize::from(count) * DIRECTIVE > argument.left() {
        return t.invalid_rest(argument.rest(), argument.left());
    }
    for _ in 0..count {
        argument.skip(1);
        let directive = argument.u8()?;
        put!(t, "\n\t DCmd: ");
        put_name!(t, DIRECTIVES, directive, "Unknown (0x{directive:02x})");
        put!(t, ", Ethernet Address: {}", t.link(argument.slice(MAC)?));
    }
    Ok(())
}

fn reserve(t: &mut Text<'_>, mut argument: Fields<'_>) -> Result<(), Stop> {
    const ARGUMENT: usize = 2;
    let addresses = argument.left().checked_sub(ARGUMENT);
    if addresses.is_none_or(|length| !length.is_multiple_of(MAC)) {
        return t.invalid_rest(argument.rest(), argument.left());
    }
    let command = argument.u8()?;
    put!(t, "\n\tRCmd: ");
    put_name!(t, RESERVE_COMMANDS, command, "Unknown (0x{command:02x})");
    let count = argument.u8()?;
    put!(t, ", NMacs: {count}");
    if usize::from(count) * MAC != argument.left() {
        return t.invalid_rest(argument.rest(), argument.left());
    }
    for number in 0..count {
        put!(t, "\n\tEthernet Address {number}: {}", t.link(argument.slice(MAC)?));
    }
    Ok(())
}
