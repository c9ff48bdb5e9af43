//! `--columns tshark` beside the summary of tshark itself: the same frames, with the same numbers, times, sources,
//! destinations and lengths. Protocols and texts are our own; how many protocols have the same name is printed.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use probe_frame::{LinkType, Precision};
use testbed::requirements::{Requirement::Tool, met};

use super::{files, printed};

/// Why a capture's rows are not tshark's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Time stamps with a fraction of a second or more, or from 2038 on, which are other times there.
    Times,
    /// Addresses that are neither of IP nor of a link layer: of IPX, DECnet, TIPC, Fibre Channel.
    Family,
    /// tshark looks into a packet in a packet of which the line says nothing: a PIM register, a frame in OpenFlow, ISL.
    Inside,
    /// A routing header of IPv6: tshark has the last destination, and not the next one.
    Route,
    /// A header whose lengths cannot be, behind which tshark reads on.
    Broken,
}

/// The captures that differ.
const DIFFERENT: &[(&str, Why)] = &[
    ("DECnet_Phone.pcap", Why::Family),
    ("DTP.pcap", Why::Inside),
    ("PIM_register_register-stop.pcap", Why::Inside),
    ("babel_update_oobr.pcap", Why::Times),
    ("cfm_sender_id-oobr.pcap", Why::Family),
    ("huge-tipc-messages.pcap", Why::Family),
    ("icmp-icmp_print-oobr-1.pcap", Why::Times),
    ("icmp6_mobileprefix_asan.pcap", Why::Times),
    ("ipv6-routing-header.pcap", Why::Route),
    ("ipv6-srh-insert-cksum.pcap", Why::Route),
    ("ipx-invalid-length.pcap", Why::Family),
    ("ipx.pcap", Why::Family),
    ("isakmp-ikev1_n_print-oobr.pcap", Why::Times),
    ("kday1.pcap", Why::Broken),
    ("kday3.pcap", Why::Broken),
    ("kday4.pcap", Why::Times),
    ("kday7.pcap", Why::Times),
    ("l2tp-avp-overflow.pcap", Why::Times),
    ("lldp_mgmt_addr_tlv_asan.pcap", Why::Times),
    ("lmp-lmp_print_data_link_subobjs-oobr.pcap", Why::Times),
    ("macsec-short-shorter.pcap", Why::Inside),
    ("mobility_opt_asan.pcap", Why::Times),
    ("mobility_opt_asan_3.pcap", Why::Times),
    ("mobility_opt_asan_6.pcap", Why::Times),
    ("mobility_opt_asan_7.pcap", Why::Times),
    ("of10_s4810.pcap", Why::Inside),
    ("olsr-oobr-1.pcap", Why::Times),
    ("olsr-oobr-2.pcap", Why::Times),
    ("ospf6_print_lshdr-oobr.pcap", Why::Times),
    ("pim-packet-assortment.pcap", Why::Inside),
    ("pim_header_asan-2.pcap", Why::Times),
    ("rsvp-rsvp_obj_print-oobr.pcap", Why::Times),
    ("rsvp_uni-oobr-3.pcap", Why::Times),
    ("rx_serviceid_oobr.pcap", Why::Times),
    ("smb_data_print-segv.pcapng", Why::Times),
    ("smb_print_trans-oobr1.pcap", Why::Family),
];

/// A frame's number, time, source, destination, length and protocol.
type Row = [String; 6];

fn ours(file: &Path) -> Vec<Row> {
    let columns = "number,relative,src,dst,length,protocol";
    let text = printed(file, &["--nano", "--format", "csv", "--columns", columns]);
    // None of these has a comma in it.
    let rows = String::from_utf8(text).unwrap();
    rows.lines().skip(1).map(|row| fields(row, ',')).collect()
}

fn theirs(file: &Path) -> Vec<Row> {
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-T", "fields", "-E", "occurrence=l"]);
    for field in [
        "frame.number",
        "frame.time_relative",
        "_ws.col.Source",
        "_ws.col.Destination",
        "frame.len",
        "_ws.col.Protocol",
    ] {
        tshark.args(["-e", field]);
    }
    let output = tshark.arg("-r").arg(file).stderr(Stdio::null()).output().unwrap();
    let rows = String::from_utf8(output.stdout).unwrap();
    // Of what has no addresses it says so in its own way.
    rows.lines().map(|row| fields(&row.replace("N/A", ""), '\t')).collect()
}

fn fields(row: &str, separator: char) -> Row {
    let fields: Vec<String> = row.split(separator).map(str::to_owned).collect();
    fields.try_into().unwrap_or_else(|fields| panic!("{row:?}: {fields:?}"))
}

/// What came of the comparison of a file: how many rows there are, of how many the protocols have the same name,
/// and what is different.
struct Compared {
    rows: usize,
    protocols: usize,
    different: Vec<String>,
}

fn compare(file: &Path) -> Compared {
    let (ours, theirs) = (ours(file), theirs(file));
    let mut compared = Compared { rows: ours.len(), protocols: 0, different: Vec::new() };
    if ours.len() != theirs.len() {
        compared.different.push(format!("{} rows, tshark {}", ours.len(), theirs.len()));
    }
    for (ours, theirs) in ours.iter().zip(&theirs) {
        compared.protocols += usize::from(ours[5] == theirs[5]);
        if ours[..5] != theirs[..5] {
            compared.different.push(format!("{ours:?}, tshark {theirs:?}"));
        }
    }
    compared
}

#[test]
fn public_captures() {
    let Some(captures) = files::captures().filter(|_| met(&[Tool("tshark")])) else { return };
    let (mut rows, mut protocols, mut wrong, mut known) = (0, 0, Vec::new(), 0);
    for file in captures.iter().filter(|file| files::frames(file) > 0) {
        let compared = compare(file);
        rows += compared.rows;
        protocols += compared.protocols;
        let name = file.file_name().unwrap().to_string_lossy();
        let why = DIFFERENT.iter().find(|(known, _)| *known == name);
        match (why, compared.different.first()) {
            (None, None) => {}
            (Some(_), Some(_)) => known += 1,
            (None, Some(first)) => {
                wrong.push(format!("{name}: {} rows, such as {first}", compared.different.len()));
            }
            (Some((_, why)), None) => wrong.push(format!("{name}: equal, in spite of {why:?}")),
        }
    }
    println!("{rows} rows, {protocols} with tshark's name of the protocol");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(known, DIFFERENT.len(), "captures that are there and different");
    assert!(rows > 8_000, "{rows}");
}

/// The frames that the tests build.
#[test]
fn samples() {
    if !met(&[Tool("tshark")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samples.pcap");
    let captures = testbed::samples::captures();
    let frames: Vec<_> = captures.into_iter().flat_map(|capture| capture.frames).collect();
    files::write(&file, LinkType::Ethernet, Precision::Micro, &frames);
    let compared = compare(&file);
    assert!(frames.len() > 200, "{}", frames.len());
    assert_eq!(compared.rows, frames.len());
    // An IPv4 header whose length cannot be, behind which tshark reads on.
    assert_eq!(compared.different.len(), 1, "{:?}", compared.different);
    assert!(compared.different[0].contains("6565:6565"), "{:?}", compared.different);
}
