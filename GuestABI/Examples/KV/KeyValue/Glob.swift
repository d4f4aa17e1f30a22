// SPDX-License-Identifier: Apache-2.0

/// Whether `text` matches a pattern of `*`, `?`, `[a-z]`, `[^a]` and `\` before a character taken literally.
///
/// Takes time in proportion to the product of both lengths at most.
func matchesGlob(_ text: Bytes, _ pattern: Bytes) -> Bool {
    var at = 0
    var place = 0
    // Where to go on after a mismatch: behind the last star, one character later each time.
    var starPlace = -1
    var starAt = 0
    while at < text.count {
        if place < pattern.count, pattern[place] == 0x2A {
            starPlace = place + 1
            starAt = at
            place += 1
            continue
        }
        if place < pattern.count, let next = matchOne(text[at], pattern, place) {
            at += 1
            place = next
            continue
        }
        guard starPlace >= 0 else { return false }
        starAt += 1
        at = starAt
        place = starPlace
    }
    while place < pattern.count, pattern[place] == 0x2A { place += 1 }
    return place == pattern.count
}

/// The place behind the pattern's piece at `place` if it matches the character.
private func matchOne(_ byte: UInt8, _ pattern: Bytes, _ place: Int) -> Int? {
    switch pattern[place] {
    case 0x3F: return place + 1
    case 0x5C where place + 1 < pattern.count: return pattern[place + 1] == byte ? place + 2 : nil
    case 0x5B:
        var at = place + 1
        let isNegated = at < pattern.count && pattern[at] == 0x5E
        if isNegated { at += 1 }
        var isFound = false
        while at < pattern.count, pattern[at] != 0x5D {
            if pattern[at] == 0x5C, at + 1 < pattern.count { at += 1 }
            if at + 2 < pattern.count, pattern[at + 1] == 0x2D, pattern[at + 2] != 0x5D {
                let low = min(pattern[at], pattern[at + 2])
                if byte >= low && byte <= max(pattern[at], pattern[at + 2]) { isFound = true }
                at += 3
            } else {
                if pattern[at] == byte { isFound = true }
                at += 1
            }
        }
        return isFound != isNegated ? min(at + 1, pattern.count) : nil
    case let literal: return literal == byte ? place + 1 : nil
    }
}
