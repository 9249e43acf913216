//! Regular expressions that clients send: read as RE2/J reads them, which Kafka uses, and carried out by the `regex` crate, whose language
//! is another one here and there.
//!
//! Both take time in proportion to what they look at. What is more than the other: a compiled expression has at most [`BYTES_MAX`] here,
//! where RE2/J has no bound; `\p` takes the names of properties, too; and a repetition has nothing to repeat directly behind flags.
//! Source: RE2/J 1.8, as Apache Kafka 4.3 answers to `tests/golden/traces` (`own-patterns`).

use core::fmt::Write;
use core::iter::Peekable;
use core::str::CharIndices;
use std::collections::BTreeSet;

use regex::{Regex, RegexBuilder};

/// The most memory that an expression may take, compiled. Unit: bytes.
const BYTES_MAX: usize = 1 << 20;
/// The most often that something may be repeated. Source: RE2, `kMaxRepeat`.
const REPEAT_MAX: u32 = 1000;

/// Not a regular expression, or too large a one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadExpression;

/// Compiles an expression that is to match from end to end.
///
/// # Errors
/// [`BadExpression`] when it is none.
pub(crate) fn compile(expression: &str) -> Result<Regex, BadExpression> {
    let mut said = String::from(r"\A(?:");
    Reading { text: expression, chars: expression.char_indices().peekable(), said: &mut said, names: BTreeSet::new() }.read()?;
    said.push_str(r")\z");
    RegexBuilder::new(&said).size_limit(BYTES_MAX).build().map_err(|_| BadExpression)
}

/// An expression that is being read, and what it is called over there.
struct Reading<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
    said: &'a mut String,
    /// Groups have names of their own.
    names: BTreeSet<&'a str>,
}

/// How often something is to be there.
struct Repeat {
    min: u32,
    max: Option<u32>,
}

impl<'a> Reading<'a> {
    fn read(mut self) -> Result<(), BadExpression> {
        // How many groups are open.
        let mut depth = 0usize;
        let mut is_repeated = false;
        while let Some(next) = self.peek() {
            let repeats = match next {
                '*' | '+' | '?' => {
                    self.skip(1);
                    Some(String::from(next))
                }
                '{' => self.repeat()?.map(|Repeat { min, max }| match max {
                    Some(max) => format!("{{{min},{max}}}"),
                    None => format!("{{{min},}}"),
                }),
                _ => None,
            };
            if let Some(repeats) = repeats {
                // `a**` says nothing that `a*` does not, and `a++` is something else in Perl.
                if is_repeated {
                    return Err(BadExpression);
                }
                self.said.push_str(&repeats);
                if self.take("?") {
                    self.said.push('?');
                }
                is_repeated = true;
                continue;
            }
            is_repeated = false;
            match next {
                '(' if self.rest().starts_with("(?") => depth += usize::from(self.flags()?),
                '(' => {
                    self.skip(1);
                    self.said.push_str("(?:");
                    depth += 1;
                }
                // Not left to the other side, to which a group that ends what stands around it is as good as any.
                ')' => {
                    depth = depth.checked_sub(1).ok_or(BadExpression)?;
                    self.copy();
                }
                '|' | '^' | '$' | '.' => self.copy(),
                '[' => self.class()?,
                '\\' => self.escaped()?,
                _ => {
                    self.skip(1);
                    self.literal(u32::from(next));
                }
            }
        }
        if depth == 0 { Ok(()) } else { Err(BadExpression) }
    }

    fn peek(&mut self) -> Option<char> {
        self.chars.peek().map(|(_, next)| *next)
    }

    /// What is not read yet.
    fn rest(&mut self) -> &'a str {
        let from = self.chars.peek().map_or(self.text.len(), |(at, _)| *at);
        self.text.get(from..).unwrap_or_default()
    }

    fn skip(&mut self, count: usize) {
        self.chars.by_ref().take(count).for_each(drop);
    }

    fn take(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        if is_next {
            self.skip(text.chars().count());
        }
        is_next
    }

    fn next(&mut self) -> Option<char> {
        self.chars.next().map(|(_, next)| next)
    }

    fn copy(&mut self) {
        let next = self.next();
        self.said.extend(next);
    }

    /// A character that stands for itself, said by its number: over there, `\<` or a brace behind `\b` would be something else. One that
    /// there cannot be in a text matches nothing.
    fn literal(&mut self, code: u32) {
        let said = match char::from_u32(code) {
            Some(_) => write!(self.said, r"\x{{{code:X}}}"),
            None => write!(self.said, r"[^\s\S]"),
        };
        // A string takes everything.
        let _ = said;
    }

    /// `{2}`, `{2,}` or `{2,3}`; what only looks like it stands for itself.
    fn repeat(&mut self) -> Result<Option<Repeat>, BadExpression> {
        let inside = self.rest().get(1..).and_then(|rest| rest.split_once('}')).map(|(inside, _)| inside);
        let Some(inside) = inside else { return Ok(None) };
        let is_number =
            |text: &str| text == "0" || (text.starts_with(|c: char| matches!(c, '1'..='9')) && text.bytes().all(|b| b.is_ascii_digit()));
        let (min, max) = match inside.split_once(',') {
            None => (inside, Some(inside)),
            Some((min, "")) => (min, None),
            Some((min, max)) => (min, Some(max)),
        };
        if !is_number(min) || !max.is_none_or(is_number) {
            return Ok(None);
        }
        let count = |text: &str| text.parse().ok().filter(|count| *count <= REPEAT_MAX).ok_or(BadExpression);
        let (min, max) = (count(min)?, max.map(count).transpose()?);
        if max.is_some_and(|max| max < min) {
            return Err(BadExpression);
        }
        self.skip(inside.chars().count() + 2);
        Ok(Some(Repeat { min, max }))
    }

    /// `(?i)`, `(?i-s:`, `(?P<name>`: answers whether a group begins.
    fn flags(&mut self) -> Result<bool, BadExpression> {
        if self.take("(?P<") || self.take("(?<") {
            let name = self.rest().split_once('>').ok_or(BadExpression)?.0;
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !is_name || !self.names.insert(name) {
                return Err(BadExpression);
            }
            self.skip(name.len() + 1);
            self.said.push_str("(?:");
            return Ok(true);
        }
        self.skip(2);
        let mut flags = [('i', None), ('m', None), ('s', None), ('U', None)];
        // Whether flags are put down from here on; and whether one has been named since.
        let (mut is_negated, mut is_named) = (false, false);
        loop {
            match self.next().ok_or(BadExpression)? {
                '-' if !is_negated => (is_negated, is_named) = (true, false),
                end @ (':' | ')') if is_named || !is_negated => {
                    let put = |up: bool| flags.iter().filter(move |(_, is_up)| *is_up == Some(up)).map(|(flag, _)| *flag);
                    let (up, down): (String, String) = (put(true).collect(), put(false).collect());
                    let minus = if down.is_empty() { "" } else { "-" };
                    // Nothing at all is no flag over there.
                    if end == ':' || !(up.is_empty() && down.is_empty()) {
                        let _ = write!(self.said, "(?{up}{minus}{down}{end}");
                    }
                    return Ok(end == ':');
                }
                flag => {
                    let known = flags.iter_mut().find(|(name, _)| *name == flag).ok_or(BadExpression)?;
                    known.1 = Some(!is_negated);
                    is_named = true;
                }
            }
        }
    }

    /// What a backslash begins, outside of brackets.
    fn escaped(&mut self) -> Result<(), BadExpression> {
        match self.rest().chars().nth(1) {
            Some('A' | 'b' | 'B' | 'z') => {
                self.copy();
                self.copy();
                Ok(())
            }
            Some('Q') => {
                self.skip(2);
                let rest = self.rest();
                let quoted = rest.split_once(r"\E").map_or(rest, |(quoted, _)| quoted);
                self.skip(quoted.chars().count());
                self.take(r"\E");
                quoted.chars().for_each(|c| self.literal(u32::from(c)));
                Ok(())
            }
            _ if self.shared_class()? => Ok(()),
            _ => {
                let code = self.escape()?;
                self.literal(code);
                Ok(())
            }
        }
    }

    /// `\d`, `\pN`, `\p{Greek}`: what means the same inside of brackets and outside. Answers whether there was one.
    fn shared_class(&mut self) -> Result<bool, BadExpression> {
        let mut rest = self.rest().chars();
        if rest.next() != Some('\\') {
            return Ok(false);
        }
        match rest.next() {
            Some('d' | 'D' | 's' | 'S' | 'w' | 'W') => {
                self.copy();
                self.copy();
                Ok(true)
            }
            Some('p' | 'P') => {
                self.copy();
                self.copy();
                if self.peek() != Some('{') {
                    let name = self.next().filter(char::is_ascii_alphabetic).ok_or(BadExpression)?;
                    self.said.push(name);
                    return Ok(true);
                }
                let name = self.rest().split_once('}').ok_or(BadExpression)?.0;
                let plain = name.trim_start_matches('{').trim_start_matches('^');
                if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                    return Err(BadExpression);
                }
                (0..=name.chars().count()).for_each(|_| self.copy());
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// A backslash and what stands for one character behind it. Source: RE2/J, `Parser.parseEscape`.
    fn escape(&mut self) -> Result<u32, BadExpression> {
        self.skip(1);
        let next = self.next().ok_or(BadExpression)?;
        let is_octal = |c: Option<char>| c.and_then(|c| c.to_digit(8));
        let ahead = self.peek();
        match next {
            // One digit alone would be a group of before, which there is not.
            '1'..='7' if is_octal(ahead).is_none() => Err(BadExpression),
            '0'..='7' => {
                let mut code = next.to_digit(8).ok_or(BadExpression)?;
                for _ in 0..2 {
                    let Some(digit) = is_octal(self.peek()) else { break };
                    self.skip(1);
                    code = code * 8 + digit;
                }
                Ok(code)
            }
            'x' => {
                let is_braced = self.take("{");
                let rest = self.rest();
                let digits = if is_braced { rest.split_once('}').ok_or(BadExpression)?.0 } else { rest.get(..2).ok_or(BadExpression)? };
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(BadExpression);
                }
                self.skip(digits.len() + usize::from(is_braced));
                let significant = digits.trim_start_matches('0');
                let code = if significant.is_empty() { Ok(0) } else { u32::from_str_radix(significant, 16) };
                code.ok().filter(|code| *code <= u32::from(char::MAX)).ok_or(BadExpression)
            }
            'a' => Ok(7),
            'f' => Ok(12),
            'n' => Ok(10),
            'r' => Ok(13),
            't' => Ok(9),
            'v' => Ok(11),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok(u32::from(c)),
            _ => Err(BadExpression),
        }
    }

    /// What stands in brackets. Source: RE2/J, `Parser.parseClass`.
    fn class(&mut self) -> Result<(), BadExpression> {
        self.copy();
        if self.peek() == Some('^') {
            self.copy();
        }
        let mut is_first = true;
        let mut has_any = false;
        loop {
            let next = self.peek().ok_or(BadExpression)?;
            if next == ']' && !is_first {
                break;
            }
            is_first = false;
            let rest = self.rest();
            if let Some((name, _)) = rest.strip_prefix("[:").and_then(|rest| rest.split_once(":]")) {
                // Over there, one that is none is a class of its letters.
                if !POSIX.contains(&name.trim_start_matches('^')) || name.starts_with("^^") {
                    return Err(BadExpression);
                }
                (0..name.chars().count() + 4).for_each(|_| self.copy());
                has_any = true;
                continue;
            }
            if self.shared_class()? {
                has_any = true;
                continue;
            }
            let from = self.class_char()?;
            let mut to = from;
            if self.rest().starts_with('-') && !self.rest().starts_with("-]") {
                self.skip(1);
                to = self.class_char()?;
            }
            if to < from {
                return Err(BadExpression);
            }
            has_any |= self.range(from, to);
        }
        if !has_any {
            // Characters that there cannot be are none.
            self.said.push_str(r"[^\s\S]");
        }
        self.copy();
        Ok(())
    }

    fn class_char(&mut self) -> Result<u32, BadExpression> {
        if self.peek() == Some('\\') {
            return self.escape();
        }
        self.next().map(u32::from).ok_or(BadExpression)
    }

    /// The characters of a range that there are: those between are halves of others in UTF-16. Answers whether there is one.
    fn range(&mut self, from: u32, to: u32) -> bool {
        let parts = [(from, to.min(0xD7FF)), (from.max(0xE000), to)];
        let there = parts.into_iter().filter(|(from, to)| from <= to && char::from_u32(*from).is_some());
        there.fold(false, |_, (from, to)| write!(self.said, r"\x{{{from:X}}}-\x{{{to:X}}}").is_ok())
    }
}

/// The classes that have names of their own.
const POSIX: [&str; 14] =
    ["alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word", "xdigit"];

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of some texts an expression matches from end to end.
    fn matched<'t>(expression: &str, texts: &[&'t str]) -> Vec<&'t str> {
        let regex = compile(expression).unwrap_or_else(|_| panic!("{expression} is one"));
        texts.iter().copied().filter(|text| regex.is_match(text)).collect()
    }

    #[test]
    fn it_matches_from_end_to_end_and_ends_nothing_that_stands_around_it() {
        assert_eq!(matched("a|ab", &["a", "ab", "abc", "xa"]), ["a", "ab"]);
        assert_eq!(compile("a)|(b").unwrap_err(), BadExpression);
        assert_eq!(matched("(?i)a(?-i)b|c", &["AB", "Ab", "c", "C"]), ["Ab", "c"]);
        assert_eq!(matched("(?i:a)b", &["AB", "Ab"]), ["Ab"]);
        assert_eq!(matched("(?i)(?)A", &["a"]), ["a"]);
        assert_eq!(matched("(?is-im:A.)", &["a\n", "A\n"]), ["A\n"]);
    }

    #[test]
    fn quotes_escapes_and_braces_are_those_of_re2() {
        assert_eq!(matched(r"\Qa.b\E+", &["a.b", "a.bb", "axb"]), ["a.b", "a.bb"]);
        assert_eq!(matched(r"\Qa.", &["a.", "ab"]), ["a."]);
        assert_eq!(matched(r"\101\x42\x{43}\_\-", &["ABC_-"]), ["ABC_-"]);
        assert_eq!(matched(r"\07", &["\u{7}"]), ["\u{7}"]);
        assert_eq!(matched(r"\1011", &["A1"]), ["A1"]);
        assert_eq!(matched("x{,3}", &["x{,3}", "xx"]), ["x{,3}"]);
        assert_eq!(matched("x{3", &["x{3"]), ["x{3"]);
        assert_eq!(matched("x{02}", &["x{02}", "xx"]), ["x{02}"]);
        assert_eq!(matched("x{2,}y{0}z{1,2}?", &["xxz", "xxxzz", "xz", "xxyz"]), ["xxz", "xxxzz"]);
        assert_eq!(matched(r"\b{start}a", &["{start}a", "a"]), Vec::<&str>::new());
        assert_eq!(matched(r"a\b{start}", &["a{start}", "a"]), ["a{start}"]);
        assert_eq!(matched(r"\<a\>", &["<a>", "a"]), ["<a>"]);
        assert_eq!(matched("a#b c", &["a#b c"]), ["a#b c"]);
        assert_eq!(matched(r"\x{D800}|a", &["a"]), ["a"]);
    }

    #[test]
    fn brackets_hold_characters_and_nothing_is_reckoned_in_them() {
        assert_eq!(matched("[a&&b]", &["a", "b", "&"]), ["a", "b", "&"]);
        assert_eq!(matched("[&--~~c-]", &["&", ",", "-", "~", "c", "b"]), ["&", ",", "-", "~", "c"]);
        assert_eq!(matched("[]a]", &["]", "a"]), ["]", "a"]);
        assert_eq!(matched("[^]a]", &["]", "a", "b"]), ["b"]);
        assert_eq!(matched("[a-]", &["-", "a", "b"]), ["-", "a"]);
        assert_eq!(matched("[[a]", &["[", "a"]), ["[", "a"]);
        assert_eq!(matched("[[:alpha:][:^ascii:]-]", &["a", "é", "-", "1"]), ["a", "é", "-"]);
        assert_eq!(matched(r"[\d\pL\x{30}-\x{39}]", &["5", "a", "-"]), ["5", "a"]);
        assert_eq!(matched(r"[\x{D800}]|a", &["a"]), ["a"]);
        assert_eq!(matched(r"[^\x{D800}]", &["a"]), ["a"]);
        assert_eq!(matched(r"[\x{0}-\x{10FFFF}]", &["a", "\u{FFFF}"]), ["a", "\u{FFFF}"]);
    }

    #[test]
    fn what_re2_refuses_is_refused() {
        for bad in [
            "a**",
            "a++",
            "a{2}{3}",
            "*",
            "a|*",
            "(",
            ")",
            "a(",
            "[",
            "[a",
            "[]",
            "[z-a]",
            r"[a-\d]",
            "[[:nothing:]]",
            "[[:^^alpha:]]",
            "a{1001}",
            "a{2,1}",
            "a{99999999999}",
            r"\1",
            r"\8",
            r"\C",
            r"\Z",
            r"\N",
            r"\u0041",
            r"\x",
            r"\xg0",
            r"\x{}",
            r"\x{110000}",
            r"\x{0",
            r"\é",
            r"\",
            r"\p",
            r"\p{",
            r"\p{}",
            r"\p{Nothing}",
            r"\p{sc=Greek}",
            "(?x)a",
            "(?i-)",
            "(?i",
            "(?",
            "(?P<>a)",
            "(?P<n",
            "(?P<n>a)(?<n>b)",
            "(?=a)",
            "(?<=a)b",
            "(?#a)",
            "(?R)",
            "(?u)",
        ] {
            assert!(compile(bad).is_err(), "{bad}");
        }
        assert!(compile(&"(a{1000}){1000}".repeat(2)).is_err(), "too large");
    }
}
