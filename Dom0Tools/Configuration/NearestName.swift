// SPDX-License-Identifier: Apache-2.0

/// The name of `names` that `text` was most likely meant to be, or nil if none is near.
///
/// Near means few insertions, deletions, substitutions and swaps of neighbours: at most a third of the length, and 3.
public func nearestName(to text: String, in names: some Sequence<String>) -> String? {
    let limit = min(3, max(1, text.utf8.count / 3))
    guard text.utf8.count <= 64 else { return nil }
    var best: (name: String, distance: Int)?
    for name in names {
        let distance = editDistance(Array(text.utf8), Array(name.utf8))
        if distance <= limit, distance < best?.distance ?? .max { best = (name, distance) }
    }
    return best?.name
}

/// Smallest number of insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`.
func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    for i in a.indices {
        var row = [Int](repeating: i + 1, count: b.count + 1)
        for j in b.indices {
            let substitution = last[j] + (a[i] == b[j] ? 0 : 1)
            row[j + 1] = min(substitution, last[j + 1] + 1, row[j] + 1)
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                row[j + 1] = min(row[j + 1], beforeLast[j - 1] + 1)
            }
        }
        beforeLast = last
        last = row
    }
    return last[b.count]
}
