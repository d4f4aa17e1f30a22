// SPDX-License-Identifier: Apache-2.0
import FoundationEssentials

/// JSON as the interface uses it: keys sorted, slashes plain.
public enum JSON {
    /// The text of `value`; on one line unless `isPretty`.
    public static func encode(_ value: some Encodable, isPretty: Bool = false) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting =
            isPretty
            ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted] : [.sortedKeys, .withoutEscapingSlashes]
        // Our messages hold strings, finite numbers, booleans and lists of them: encoding them cannot fail.
        guard let data = try? encoder.encode(value) else { return Array("null".utf8) }
        return Array(data)
    }

    /// The value that `text` describes, or an error that names the key that is wrong.
    public static func decode<Value: Decodable>(
        _ type: Value.Type, from text: [UInt8]
    ) throws(APIError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(text))
        } catch let error as DecodingError {
            throw APIError(
                .badRequest, describe(error), hint: "see Docs/ControlAPI.md for the expected object")
        } catch {
            throw APIError(
                .badRequest, "the text is not JSON", hint: "see Docs/ControlAPI.md for the expected object")
        }
    }

    private static func describe(_ error: DecodingError) -> String {
        func path(_ keys: [any CodingKey]) -> String {
            keys.isEmpty
                ? "the object"
                : keys.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
        }
        switch error {
        case .keyNotFound(let key, let context): return "\(path(context.codingPath + [key])) is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return "\(path(context.codingPath)) has the wrong type"
        case .dataCorrupted(let context): return "\(path(context.codingPath)): \(context.debugDescription)"
        @unknown default: return "the text is not the expected JSON"
        }
    }
}
