//! Depth and length of policies, measured before Cedar parses them.
//!
//! Cedar recurses over expressions, its own guard is without effect in Wasm, and a stack overflow cannot be caught: it
//! kills the VM for every request of a worker. So the text is measured by tokens, without recursion.

/// How deep a policy may nest, and how long its chains of operators may be.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// Open brackets and `if`s at any place.
    pub depth: usize,
    /// Operators on the way from the outside of a policy to its deepest expression.
    pub chain: usize,
}

/// What exceeds the caps, and in which line (from 1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Excess {
    /// Longer chains than [`Caps::chain`].
    Chain(usize),
    /// Deeper nesting than [`Caps::depth`].
    Depth(usize),
    /// A string or a bracket that is not closed; Cedar will say so better, but must not be asked.
    Unclosed(usize),
}

/// What a text is written in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Language {
    /// Statements stand beside one another, outside of all brackets.
    Policies,
    /// Statements may stand inside of a namespace's brackets as well.
    Schema,
}

/// Measures Cedar text.
///
/// # Errors
///
/// The first [`Excess`].
pub(super) fn measure(text: &str, language: Language, caps: Caps) -> Result<(), Excess> {
    let mut scopes = vec![Scope::default()];
    let mut line = 1_usize;
    let mut rest = text;
    while let Some((token, after)) = next_token(rest) {
        match token {
            Token::Line => line = line.saturating_add(1),
            Token::Open => scopes.push(Scope::default()),
            Token::Close => {
                let closed = scopes.pop().ok_or(Excess::Unclosed(line))?;
                let outer = scopes.last_mut().ok_or(Excess::Unclosed(line))?;
                outer.deepest = outer.deepest.max(closed.chain());
            }
            Token::End if scopes.len() == 1 || language == Language::Schema => {
                each_last(&mut scopes, |scope| *scope = Scope::default());
            }
            Token::If => each_last(&mut scopes, |scope| scope.ifs = scope.ifs.saturating_add(1)),
            Token::Operator => each_last(&mut scopes, |scope| scope.operators = scope.operators.saturating_add(1)),
            Token::Unclosed => return Err(Excess::Unclosed(line)),
            Token::End | Token::Other => {}
        }
        // Every scope but the outermost is a bracket, and an `if` nests whatever follows it in its scope.
        let nesting = scopes.iter().fold(scopes.len().saturating_sub(1), |sum, scope| sum.saturating_add(scope.ifs));
        if nesting > caps.depth {
            return Err(Excess::Depth(line));
        }
        let chain =
            scopes.iter().rev().fold(0, |inner, scope| scope.operators.saturating_add(inner.max(scope.deepest)));
        if chain > caps.chain {
            return Err(Excess::Chain(line));
        }
        rest = after;
    }
    if scopes.len() == 1 { Ok(()) } else { Err(Excess::Unclosed(line)) }
}

fn each_last(scopes: &mut [Scope], change: impl FnOnce(&mut Scope)) {
    if let Some(scope) = scopes.last_mut() {
        change(scope);
    }
}

/// What stands between two brackets, or outside of all.
#[derive(Default)]
struct Scope {
    ifs: usize,
    operators: usize,
    /// The longest chain inside of a bracket that was closed here. A chain such as `(…) || a || b` is a tree whose
    /// first operand lies deepest, so what follows a bracket counts for its inside as well.
    deepest: usize,
}

impl Scope {
    fn chain(&self) -> usize {
        self.operators.saturating_add(self.deepest)
    }
}

enum Token {
    Close,
    End,
    If,
    Line,
    Open,
    Operator,
    Other,
    Unclosed,
}

/// The next token, and what follows it. Words other than `if` and the word operators are `Other`.
fn next_token(text: &str) -> Option<(Token, &str)> {
    let mut characters = text.chars();
    let first = characters.next()?;
    let after = characters.as_str();
    Some(match first {
        '\n' => (Token::Line, after),
        '/' if after.starts_with('/') => {
            (Token::Other, after.find('\n').and_then(|end| after.get(end..)).unwrap_or(""))
        }
        '"' => match string_end(after) {
            Some(rest) => (Token::Other, rest),
            None => (Token::Unclosed, ""),
        },
        '(' | '[' | '{' => (Token::Open, after),
        ')' | ']' | '}' => (Token::Close, after),
        ';' => (Token::End, after),
        '|' | '&' | '=' => (Token::Operator, after.strip_prefix(first).unwrap_or(after)),
        '<' | '>' | '!' => (Token::Operator, after.strip_prefix('=').unwrap_or(after)),
        '+' | '-' | '*' | '.' => (Token::Operator, after),
        letter if is_word(letter) => {
            let end = text.find(|character| !is_word(character)).unwrap_or(text.len());
            let token = match text.get(..end) {
                Some("if") => Token::If,
                Some("in" | "has" | "like" | "is") => Token::Operator,
                Some(_) | None => Token::Other,
            };
            (token, text.get(end..).unwrap_or(""))
        }
        _ => (Token::Other, after),
    })
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// What follows the closing quote.
fn string_end(text: &str) -> Option<&str> {
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some(characters.as_str()),
            '\\' => {
                characters.next()?;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPS: Caps = Caps { depth: 32, chain: 1000 };

    fn measure(text: &str, caps: Caps) -> Result<(), Excess> {
        super::measure(text, Language::Policies, caps)
    }

    fn when(expression: &str) -> String {
        format!("permit(principal, action, resource) when {{ {expression} }};")
    }

    #[test]
    fn a_policy_at_the_caps_passes_and_one_beyond_does_not() {
        let nested = |depth: usize| when(&format!("{}true{}", "(".repeat(depth), ")".repeat(depth)));
        assert_eq!(measure(&nested(31), CAPS), Ok(()));
        assert_eq!(measure(&nested(32), CAPS), Err(Excess::Depth(1)));
        let chain = |length: usize| when(&vec!["true"; length].join(" || "));
        assert_eq!(measure(&chain(1001), CAPS), Ok(()));
        assert_eq!(measure(&chain(1002), CAPS), Err(Excess::Chain(1)));
        let ifs = |depth: usize| when(&format!("{}true", "if true then true else ".repeat(depth)));
        assert_eq!(measure(&ifs(31), CAPS), Ok(()));
        assert_eq!(measure(&ifs(32), CAPS), Err(Excess::Depth(1)));
    }

    #[test]
    fn chains_inside_of_brackets_add_up() {
        let inner = vec!["a"; 600].join(" && ");
        let outer = vec!["b"; 600].join(" || ");
        assert_eq!(measure(&when(&format!("({inner}) || {outer}")), CAPS), Err(Excess::Chain(1)));
        assert_eq!(measure(&when(&format!("({inner}) == ({inner})")), CAPS), Ok(()));
    }

    #[test]
    fn strings_and_comments_do_not_count() {
        let text = format!("// {}\n{}", "(".repeat(100), when(&format!("\"{}\\\"(\" == \"\"", "(".repeat(100))));
        assert_eq!(measure(&text, CAPS), Ok(()));
    }

    #[test]
    fn policies_are_measured_one_by_one() {
        let many = when("a || b || c").repeat(1000);
        assert_eq!(measure(&many, CAPS), Ok(()));
    }

    #[test]
    fn the_statements_of_a_namespace_are_measured_one_by_one() {
        let many = format!("namespace N {{ {} }}", "entity A in [B] = { a: Set<Long> };".repeat(1000));
        assert_eq!(super::measure(&many, Language::Schema, CAPS), Ok(()));
    }

    #[test]
    fn the_line_is_named() {
        assert_eq!(measure("\n\npermit(", CAPS), Err(Excess::Unclosed(3)));
        assert_eq!(measure("\n)", CAPS), Err(Excess::Unclosed(2)));
    }
}
