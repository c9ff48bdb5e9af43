use std::fs;

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::*;

/// A folder with `cert.pem` and `key.pem` of a new certificate, and another key.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    renew(&folder);
    let other = KeyPair::generate().unwrap().serialize_pem();
    fs::write(folder.path().join("other.pem"), other).unwrap();
    folder
}

fn renew(folder: &TempDir) {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key);
    fs::write(folder.path().join("cert.pem"), certificate.unwrap().pem()).unwrap();
    fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
}

/// Reads a web config file of that folder.
fn read(folder: &TempDir, text: &str) -> Result<Web> {
    let path = folder.path().join("web.yml");
    fs::write(&path, text).unwrap();
    check(&path)
}

/// What is said of it, without the folder's name.
fn said(folder: &TempDir, text: &str) -> Vec<String> {
    let error = format!("{:#}", read(folder, text).unwrap_err());
    let name = format!("{}/", folder.path().display());
    error.replace(&name, "").lines().map(str::to_owned).collect()
}

const FILES: &str = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n";

#[test]
fn a_whole_file() {
    let folder = folder();
    let hash = bcrypt::hash("secret", 4).unwrap();
    let text = format!(
        "{FILES}  min_version: TLS13\n  client_auth_type: RequireAndVerifyClientCert\n  \
         client_ca_file: cert.pem\n  cipher_suites: [TLS_AES_128_GCM_SHA256]\n  \
         prefer_server_cipher_suites: false\nhttp_server_config:\n  http2: false\n  headers:\n    \
         X-Frame-Options: deny\nbasic_auth_users:\n  alice: {hash}\n"
    );
    let web = read(&folder, &text).unwrap();
    let tls = web.tls.unwrap();
    assert!(tls.certificates.starts_with("-----BEGIN CERTIFICATE-----"), "{}", tls.certificates);
    assert_eq!(tls.client_authorities, tls.certificates);
    assert_eq!(tls.clients, Clients::RequireAndVerifyClientCert);
    assert_eq!((tls.tls12, tls.tls13, tls.prefers_own_suites), (false, true, false));
    assert_eq!(web.users, BTreeMap::from([("alice".into(), hash)]));
    assert_eq!(web.headers, BTreeMap::from([("X-Frame-Options".into(), "deny".into())]));
    assert!(!format!("{tls:?}").contains("PRIVATE"), "{tls:?}");
}

#[test]
fn nothing_asked_for_is_plain_http() {
    let folder = folder();
    let plain = Web { is_watched: true, ..Web::default() };
    for text in ["", "# nothing\n", "tls_server_config:\nbasic_auth_users:\n"] {
        assert_eq!(read(&folder, text).unwrap(), plain, "{text:?}");
    }
}

#[test]
fn every_mistake_has_its_place() {
    let folder = folder();
    let text = "tls_server_config:\n  cert_file: none.pem\n  key_fil: key.pem\n  \
                min_version: TLS10\n  client_auth_type: RequireAnyClientCert\n\
                basic_auth_user:\n  alice: secret\nhttp_server_config:\n  http2: perhaps\n  \
                headers:\n    X-Powered-By: probe\nother: 1\n";
    let said = said(&folder, text);
    let expected = [
        "web.yml:2:3: tls_server_config: cert_file and key_file are needed",
        "web.yml:2:14: cert_file: reading none.pem: No such file or directory (os error 2)",
        "web.yml:3:3: no key is named `key_fil`: did you mean `key_file`?",
        "web.yml:4:16: min_version: TLS12 and TLS13 are spoken",
        "web.yml:5:21: client_auth_type: a certificate that is not verified proves nothing: \
         VerifyClientCertIfGiven or RequireAndVerifyClientCert",
        "web.yml:6:1: no key is named `basic_auth_user`: did you mean `basic_auth_users`?",
        "web.yml:9:10: http2: expected true or false",
        "web.yml:11:5: headers: X-Powered-By is none of Content-Security-Policy, X-Frame-Options, \
         X-Content-Type-Options, X-XSS-Protection, Strict-Transport-Security, Cache-Control",
        "web.yml:12:1: no key is named `other`: the file has tls_server_config, \
         http_server_config, basic_auth_users",
    ];
    assert_eq!(said, expected);
}

#[test]
fn what_is_wrong_with_one_thing() {
    let folder = folder();
    for (text, expected) in [
        (
            "basic_auth_users:\n  alice: secret\n",
            "web.yml:2:3: basic_auth_users: alice: expected a hash",
        ),
        ("a: b: c\n", "web.yml:1:"),
        ("a: 1\na: 2\n", "web.yml:2:1: duplicated key"),
        ("- a\n", "web.yml:1:1: the file: expected keys with values"),
        (
            &format!("{FILES}  client_ca_file: cert.pem\n"),
            "web.yml:2:3: client_ca_file is of no use",
        ),
        (
            &format!("{FILES}  client_auth_type: RequireAndVerifyClientCert\n"),
            "web.yml:4:21: client_auth_type and client_ca_file go together",
        ),
        (
            &format!("{FILES}  cipher_suites: [TLS_NULL]\n"),
            "web.yml: tls_server_config: cipher_suites: TLS_NULL is none of TLS_AES_256_GCM_SHA384",
        ),
        (
            "tls_server_config:\n  cert_file: cert.pem\n  key_file: other.pem\n",
            "web.yml: tls_server_config: cert_file, key_file: ",
        ),
        (
            "tls_server_config:\n  cert_file: key.pem\n  key_file: key.pem\n",
            "web.yml: tls_server_config: cert_file: there is no certificate in it",
        ),
        (
            &format!("{FILES}  min_version: TLS13\n  max_version: TLS12\n"),
            "web.yml: tls_server_config: min_version, max_version, cipher_suites: ",
        ),
    ] {
        let said = said(&folder, text);
        assert!(said[0].starts_with(expected), "{text:?}: {said:?}");
    }
}

/// The files are read again where one of them changed, and only then; one that was wrong, too.
#[test]
fn changes_are_found() {
    let folder = folder();
    let path = folder.path().join("web.yml");
    fs::write(&path, FILES).unwrap();
    let mut watched = Watched::new(path.clone());
    let first = watched.read().unwrap();
    assert!(watched.changed().is_none());
    renew(&folder);
    let second = watched.changed().unwrap().unwrap();
    assert_ne!(first.tls.unwrap().certificates, second.tls.unwrap().certificates);
    assert!(watched.changed().is_none());
    fs::write(&path, "nothing: 1\n").unwrap();
    assert!(watched.changed().unwrap().is_err());
    // It is told once.
    assert!(watched.changed().is_none());
    fs::write(&path, FILES).unwrap();
    assert!(watched.changed().unwrap().is_ok());
    fs::remove_file(folder.path().join("key.pem")).unwrap();
    assert!(watched.changed().unwrap().is_err());
}
