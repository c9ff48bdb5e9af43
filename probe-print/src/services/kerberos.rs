//! Kerberos: version 4 (Athena Technical Plan, section E.2.1) and the name of version 5.

use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, name_of, put},
};

const KINDS: &[(u8, &str)] = &[
    (2, "KDC_REQUEST"),
    (4, "KDC_REPLY"),
    (6, "APPL_REQUEST"),
    (8, "APPL_REQUEST_MUTUAL"),
    (10, "ERR_REPLY"),
    (12, "PRIVATE"),
    (14, "SAFE"),
    (16, "APPL_ERR"),
    (126, "DIE"),
];

const ERRORS: &[(u16, &str)] = &[
    (0, "OK"),
    (1, "NAME_EXP"),
    (2, "SERVICE_EXP"),
    (3, "AUTH_EXP"),
    (4, "PKT_VER"),
    (5, "NAME_MAST_KEY_VER"),
    (6, "SERV_MAST_KEY_VER"),
    (7, "BYTE_ORDER"),
    (8, "PRINCIPAL_UNKNOWN"),
    (9, "PRINCIPAL_NOT_UNIQUE"),
    (10, "NULL_KEY"),
];

pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    t.protocol = "krb";
    let version = p.u8(0).or(Err(Stop::Short))?;
    match version {
        1..=3 => put!(t, " v{version}"),
        4 => {
            put!(t, " v{version}");
            return version_4(t, p);
        }
        106 | 107 => put!(t, " v5"),
        _ => {}
    }
    Ok(())
}

fn version_4(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    let flags = p.u8(1)?;
    let (kind, little) = (flags & !1, flags & 1 == 1);
    let order = if little { "le" } else { "be" };
    put!(t, " {order} ");
    number_or_name(t, KINDS, kind, kind.into());
    put!(t, ": ");
    let half = |fields: &Fields<'_>| {
        let bytes = fields.rest().array::<2>(0)?;
        Ok(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let mut fields = Fields::new(p, p.len());
    fields.skip(2);
    match kind {
        2 => {
            principal(t, &mut fields)?;
            // The client's time.
            fields.skip(4);
            put!(t, " {}min ", 5 * u32::from(fields.u8()?));
            string(t, &mut fields)?;
            put!(t, ".");
            string(t, &mut fields)?;
        }
        6 => {
            put!(t, "v{} ", fields.u8()?);
            string(t, &mut fields)?;
            put!(t, " ({})", fields.u8()?);
            put!(t, " ({})", fields.u8()?);
        }
        4 => {
            principal(t, &mut fields)?;
            // Time, count, expiry and version of the key.
            fields.skip(10);
            put!(t, " ({})", half(&fields)?);
        }
        10 => {
            principal(t, &mut fields)?;
            fields.skip(4);
            let error = half(&fields)?;
            put!(t, " ");
            number_or_name(t, ERRORS, error, error.into());
            put!(t, " ");
            fields.skip(4);
            string(t, &mut fields)?;
        }
        _ => put!(t, "(unknown)"),
    }
    Ok(())
}

fn number_or_name<N: PartialEq + Copy>(
    t: &mut Text<'_>,
    names: &[(N, &'static str)],
    key: N,
    number: u32,
) {
    match name_of(names, key) {
        Some(name) => put!(t, "{name}"),
        None => put!(t, "#{number}"),
    }
}

/// Who: name, instance, realm.
fn principal(t: &mut Text<'_>, fields: &mut Fields<'_>) -> Result<(), Stop> {
    for separator in [".", "@", ""] {
        string(t, fields)?;
        put!(t, "{separator}");
    }
    Ok(())
}

fn string(t: &mut Text<'_>, fields: &mut Fields<'_>) -> Result<(), Stop> {
    let taken = t.terminated(fields.rest(), usize::MAX).ok_or(Stop::Short)?;
    fields.skip(taken);
    Ok(())
}
