//! A mail server of a few lines: what it says is what RFC 5321 asks for, and curl, which
//! knows the protocol, is the client.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    thread::{self, JoinHandle},
};

use anyhow::Result;
use testbed::Namespace;

/// Takes so many messages over IPv4 and IPv6, then ends.
pub fn serve(namespace: &Namespace, messages: usize) -> Result<JoinHandle<Result<()>>> {
    let listener = namespace.enter(|| Ok(TcpListener::bind("[::]:25")?))?;
    Ok(thread::spawn(move || listener.incoming().take(messages).try_for_each(|one| take(one?))))
}

fn take(stream: TcpStream) -> Result<()> {
    let mut answers = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    answers.write_all(b"220 mail.example.test ESMTP ready\r\n")?;
    let mut in_message = false;
    while let Some(line) = lines.next().transpose()? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "." if in_message => {
                in_message = false;
                "250 2.0.0 taken"
            }
            _ if in_message => continue,
            "EHLO" => "250-mail.example.test\r\n250-PIPELINING\r\n250 8BITMIME",
            "MAIL" | "RCPT" => "250 2.1.0 fine",
            "DATA" => {
                in_message = true;
                "354 go on"
            }
            "QUIT" => "221 2.0.0 bye",
            _ => "500 5.5.1 what?",
        };
        answers.write_all(format!("{answer}\r\n").as_bytes())?;
        if verb == "QUIT" {
            break;
        }
    }
    Ok(())
}
