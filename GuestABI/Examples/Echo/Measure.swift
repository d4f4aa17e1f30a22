// SPDX-License-Identifier: Apache-2.0
import Network

/// The server's side of `measure` (Tests/Benchmarks/measure.c), so that figures of this guest stand beside those of Linux:
/// a letter and a count, that many bytes one way or turns both ways, one byte at the end.
final class MeasureSession: TCPSession {
    private enum Work { case request, take, give, turn, end, over }
    private var work = Work.request
    private var request: [UInt8] = []
    private var rest: UInt64 = 0
    private let block = [UInt8](repeating: 0, count: 32768)

    override func ready() {
        var hasMoved = true
        while hasMoved {
            hasMoved = false
            connection.read { bytes in
                let taken = take(bytes)
                if taken > 0 { hasMoved = true }
                return taken
            }
            if work == .give || work == .end {
                let count = work == .end ? 1 : Int(min(rest, UInt64(block.count)))
                let block = block
                let written = connection.write(block.span.extracting(0..<count))
                if written > 0 { hasMoved = true }
                if work == .end {
                    if written == 1 { work = .over }
                } else {
                    rest -= UInt64(written)
                    if rest == 0 { work = .end }
                }
            }
        }
        connection.flush()
        if connection.hasPeerFinished && !connection.hasBytes && work != .give && work != .end {
            connection.close()
        }
    }

    private func take(_ bytes: Span<UInt8>) -> Int {
        switch work {
        case .request:
            let count = min(9 - request.count, bytes.count)
            for index in 0..<count { request.append(bytes[index]) }
            if request.count == 9 {
                for index in 0..<8 { rest |= UInt64(request[1 + index]) << UInt64(8 * index) }
                // The letters say what the client does.
                switch request[0] {
                case 0x72: work = .give
                case 0x74: work = .turn
                default: work = .take
                }
                if rest == 0 { work = .end }
            }
            return count
        case .take:
            let count = Int(min(UInt64(bytes.count), rest))
            rest -= UInt64(count)
            if rest == 0 { work = .end }
            return count
        case .turn:
            let written = connection.write(bytes.extracting(0..<Int(min(UInt64(bytes.count), rest))))
            rest -= UInt64(written)
            if rest == 0 { work = .end }
            return written
        case .give, .end: return 0
        case .over: return bytes.count
        }
    }
}
