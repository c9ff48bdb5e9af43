//! TLS and passwords by the web config file, asked for by curl and openssl.

use std::{fs, path::Path, process::Stdio};

use rcgen::{CertificateParams, DnType, IsCa, Issuer, KeyPair};
use testbed::{
    Namespace, SERVER_LINK,
    requirements::{Requirement, met},
    run,
};

use super::{Service, rights::status_of_all, rule};
use crate::rig::{LIMIT, NEEDS, beside_others, probe, quiet_pair};

const TOOLS: &[Requirement] = &[Requirement::Tool("curl"), Requirement::Tool("openssl")];

/// Who signs certificates, and has signed one of itself, `NAME.pem` of a folder.
fn authority(folder: &Path, name: &str) -> Issuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    fs::write(folder.join(format!("{name}.pem")), pem).unwrap();
    Issuer::new(params, key)
}

/// A certificate for 127.0.0.1 and its key: `NAME.pem` and `NAME.key`.
fn signed(folder: &Path, name: &str, by: &Issuer<'_, KeyPair>) {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let pem = params.signed_by(&key, by).unwrap().pem();
    fs::write(folder.join(format!("{name}.pem")), pem).unwrap();
    fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

/// A service with this web config file, in a folder that has an authority's certificate and two of
/// servers.
fn start(namespace: &Namespace, folder: &Path, text: &str) -> Service {
    let authority = authority(folder, "authority");
    signed(folder, "first", &authority);
    signed(folder, "second", &authority);
    signed(folder, "client", &authority);
    fs::write(folder.join("web.yml"), text).unwrap();
    let head = format!(
        "interfaces = \"{SERVER_LINK}\"\nweb_config = \"{}\"\n",
        folder.join("web.yml").display()
    );
    Service::start(namespace, &head, &rule("all", ""), &[])
}

/// The status that curl got, 0 where it got none.
fn curl(namespace: &Namespace, folder: &Path, scheme: &str, flags: &[&str]) -> u16 {
    let mut curl = namespace.command("curl");
    curl.args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--cacert"]);
    curl.arg(folder.join("authority.pem")).args(flags);
    curl.arg(format!("{scheme}://127.0.0.1:9977/metrics")).current_dir(folder);
    let output = curl.stdin(Stdio::null()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().parse().unwrap()
}

const FIRST: &str = "tls_server_config:\n  cert_file: first.pem\n  key_file: first.key\n";

#[test]
fn tls_by_the_files_of_this_moment() {
    if !met(NEEDS) || !met(TOOLS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let service = start(&pair.server, folder, FIRST);
    let ask = |scheme: &str, flags: &[&str]| curl(&pair.server, folder, scheme, flags);
    assert_eq!(ask("https", &[]), 200);
    assert_eq!(ask("https", &["--tls-max", "1.2"]), 200);
    // Plain HTTP finds nobody.
    assert_eq!(ask("http", &[]), 0);
    // Whoever may write to the socket in the file system needs no TLS.
    assert_eq!(service.request("GET", "/metrics", "").status, 200);
    let subject = || {
        let mut openssl = pair.server.command("sh");
        let ask = "openssl s_client -connect 127.0.0.1:9977 </dev/null 2>/dev/null \
                   | openssl x509 -noout -subject";
        openssl.args(["-c", ask]);
        run(openssl, LIMIT).unwrap().text().trim().to_owned()
    };
    assert_eq!(subject(), "subject=CN = first");

    // Another certificate, under the same names, as whoever renews one puts it there.
    for kind in ["pem", "key"] {
        let from = folder.join(format!("second.{kind}"));
        fs::rename(from, folder.join(format!("first.{kind}"))).unwrap();
    }
    assert_eq!(subject(), "subject=CN = second");
    let check = || {
        let file = service.folder.path().join("probe.toml");
        let output = probe(&pair.server, &["check", file.to_str().unwrap()]).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let (code, said) = check();
    assert!(code == Some(0) && said.contains("web.yml: TLS, no password\n"), "{said}");
    // A file that is wrong changes nothing, and is told of.
    fs::write(folder.join("web.yml"), format!("{FIRST}  min_version: TLS1\n")).unwrap();
    let (code, said) = check();
    assert!(code == Some(2) && said.contains("web.yml:4:16: min_version"), "{said}");
    assert_eq!(ask("https", &[]), 200);
    service.running.wait_for_line("web.yml:4:16: min_version", LIMIT).unwrap();
    fs::write(folder.join("web.yml"), format!("{FIRST}  min_version: TLS13\n")).unwrap();
    assert_eq!(ask("https", &[]), 200);
    assert_eq!(ask("https", &["--tls-max", "1.2"]), 0);

    // Clients have to show a certificate, of the right authority.
    let clients =
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: authority.pem\n";
    fs::write(folder.join("web.yml"), format!("{FIRST}{clients}")).unwrap();
    signed(folder, "stranger", &authority(folder, "other"));
    assert_eq!(ask("https", &[]), 0);
    assert_eq!(ask("https", &["--cert", "client.pem", "--key", "client.key"]), 200);
    assert_eq!(ask("https", &["--cert", "stranger.pem", "--key", "stranger.key"]), 0);
    // Neither process has more rights than without TLS, and no thread of theirs.
    assert_eq!(status_of_all(&service, "Seccomp"), ["2", "2"]);
    service.end();
}

#[test]
fn passwords() {
    if !met(NEEDS) || !met(TOOLS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let users = |name: &str, password: &str| {
        let hash = bcrypt::hash(password, 4).unwrap();
        let headers = "http_server_config:\n  headers:\n    X-Frame-Options: deny\n";
        format!("{headers}basic_auth_users:\n  {name}: {hash}\n")
    };
    let service = start(&pair.server, folder, &users("alice", "right"));
    let ask = |flags: &[&str]| curl(&pair.server, folder, "http", flags);
    // Twice: the second time the answer is remembered.
    for _ in 0..2 {
        assert_eq!(ask(&[]), 401);
        assert_eq!(ask(&["--user", "alice:right"]), 200);
        assert_eq!(ask(&["--user", "alice:wrong"]), 401);
        assert_eq!(ask(&["--user", "bob:right"]), 401);
        assert_eq!(ask(&["--header", "Authorization: Bearer right"]), 401);
    }
    let mut head = pair.server.command("curl");
    head.args(["--silent", "--head", "http://127.0.0.1:9977/metrics"]);
    let head = run(head, LIMIT).unwrap().text().to_lowercase();
    assert!(head.contains("www-authenticate: basic"), "{head}");
    assert!(head.contains("x-frame-options: deny"), "{head}");
    // The socket in the file system has its mode.
    assert_eq!(service.request("GET", "/metrics", "").status, 200);

    // Someone else, from the next request on; and both ways at once.
    fs::write(folder.join("web.yml"), users("bob", "new")).unwrap();
    assert_eq!(ask(&["--user", "alice:right"]), 401);
    assert_eq!(ask(&["--user", "bob:new"]), 200);
    fs::write(folder.join("web.yml"), format!("{FIRST}{}", users("bob", "new"))).unwrap();
    assert_eq!(curl(&pair.server, folder, "https", &["--user", "bob:new"]), 200);
    assert_eq!(curl(&pair.server, folder, "https", &["--user", "bob:old"]), 401);
    service.end();
}
