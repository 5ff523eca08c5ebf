//! Bytes in a text file: `\xNN` stands for one byte, `\\` for a backslash.

/// What a backslash means that introduces no byte.
#[derive(Clone, Copy)]
enum Backslash {
    /// It stands before another one, or nowhere.
    Doubled,
    /// It belongs to the text, with the character behind it.
    Kept,
}

/// The bytes that a header, a path or an expectation stands for.
///
/// # Errors
///
/// A backslash introduces nothing, or a character could be meant as a byte.
pub(crate) fn bytes(text: &str) -> Result<Vec<u8>, String> {
    read(text, Backslash::Doubled)
}

/// The bytes of JSON or of another text that has its own backslashes: all but `\xNN` stays as it is.
///
/// # Errors
///
/// A character could be meant as a byte.
pub(crate) fn bytes_of_json(text: &str) -> Result<Vec<u8>, String> {
    read(text, Backslash::Kept)
}

/// The same notation, for a reader.
pub(crate) fn show(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => shown.push_str("\\\\"),
                ' '..='~' => shown.push(character),
                // What `bytes` would not take back is shown byte by byte.
                '\0'..='\u{ff}' => {
                    let mut buffer = [0; 4];
                    character
                        .encode_utf8(&mut buffer)
                        .bytes()
                        .for_each(|byte| shown.push_str(&format!("\\x{byte:02x}")));
                }
                _ => shown.push(character),
            }
        }
        chunk.invalid().iter().for_each(|byte| shown.push_str(&format!("\\x{byte:02x}")));
    }
    shown
}

fn read(text: &str, backslash: Backslash) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match (character, backslash) {
            ('\\', _) if let Some(byte) = rest.strip_prefix('x').and_then(|digits| byte(digits.get(..2)?)) => {
                bytes.push(byte);
                rest = &rest[3..];
            }
            // Both are taken at once, so that `\\x41` stays a backslash and `x41`.
            ('\\', _) if rest.starts_with('\\') => {
                bytes.extend_from_slice(if let Backslash::Kept = backslash { br"\\" } else { br"\" });
                rest = &rest[1..];
            }
            ('\\', Backslash::Doubled) => {
                let next: String = rest.chars().take(1).collect();
                return Err(format!("`\\{next}` is no escape: write `\\xNN` for a byte, `\\\\` for a backslash"));
            }
            // In double quotes YAML itself turns `\xff` into this character, whose UTF-8 is two bytes.
            ('\u{80}'..='\u{ff}', _) => {
                let code = u32::from(character);
                return Err(format!(
                    "`{character}` (U+{code:04X}) may be meant as a byte or as a character: write '\\x{code:02x}' in \
                     single quotes for the byte, or each byte of the character's UTF-8 in that way"
                ));
            }
            _ => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Ok(bytes)
}

fn byte(digits: &str) -> Option<u8> {
    // `from_str_radix` would take a sign.
    if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) { u8::from_str_radix(digits, 16).ok() } else { None }
}
