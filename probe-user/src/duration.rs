//! Spans of time, as people write them: in flags, in conditions, in files.

use std::time::Duration;

/// Longer than anybody waits; a time without a bound would overflow a clock.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// A span of time: `500ms`, `1.5s`, `1m30s`, `2h`; a number alone is seconds.
///
/// # Errors
/// What is expected, in words.
pub fn parse(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "expected a time such as 500ms, 1s, 1m30s or 2h";
    let mut rest = text.trim_end();
    let mut seconds = 0.0;
    let mut alone = true;
    while alone || !rest.is_empty() {
        let end = |of: &str, part: fn(char) -> bool| of.find(|c| !part(c)).unwrap_or(of.len());
        let (number, after) = rest.split_at(end(rest, |c| c.is_ascii_digit() || c == '.'));
        let after = after.trim_start();
        let (unit, after) = after.split_at(end(after, char::is_alphabetic));
        let factor = match unit {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" | "sec" => 1.0,
            // Only alone, as sleep(1) takes it: 1m30 may be thirty of anything.
            "" if alone && after.is_empty() => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return Err(EXPECTED.into()),
        };
        let number: f64 = number.parse().map_err(|_| EXPECTED.to_string())?;
        seconds += number * factor;
        (rest, alone) = (after.trim_start(), false);
    }
    match Duration::try_from_secs_f64(seconds) {
        Ok(Duration::ZERO) => Err("must be longer than zero".into()),
        Ok(time) if time <= LONGEST => Ok(time),
        _ => Err("must be at most 100 years".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in
            [("500ms", 500), ("1s", 1000), ("2", 2000), ("1.5s", 1500), ("2m", 120_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)));
        }
        for (text, ms) in [
            ("1m30s", 90_000),
            ("1m 30s", 90_000),
            ("90", 90_000),
            ("1.5", 1500),
            ("1h1m1s1ms", 3_661_001),
            ("1.5h30m", 7_200_000),
            ("1 min", 60_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in [
            "",
            "s",
            "1x",
            "0",
            "-1s",
            "1e3s",
            "1..2s",
            "1m30",
            "30 1m",
            "m30s",
            "36501d",
            "99999999999999999999999h",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
