// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// A request as a client makes it.
public enum XenStoreRequest: Equatable, Sendable {
    case directory([UInt8])
    /// Children from a byte offset into their list, for directories too big for one reply.
    case directoryPart([UInt8], offset: UInt32)
    case read([UInt8])
    case getPermissions([UInt8])
    case setPermissions([UInt8], [XenStorePermission])
    /// `depth`: how many levels below the path still fire; nil is all of them.
    case watch([UInt8], token: [UInt8], depth: UInt32?)
    case unwatch([UInt8], token: [UInt8])
    case transactionStart
    case transactionEnd(commits: Bool)
    case introduce(DomainID, frame: UInt64, port: EventPort)
    case release(DomainID)
    case getDomainPath(DomainID)
    case write([UInt8], value: [UInt8])
    case makeDirectory([UInt8])
    case remove([UInt8])
    case isDomainIntroduced(DomainID)
    case resume(DomainID)
    case setTarget(DomainID, target: DomainID)
    case resetWatches
    case control([UInt8])

    public var operation: XenStoreOperation {
        switch self {
        case .directory: .directory
        case .directoryPart: .directoryPart
        case .read: .read
        case .getPermissions: .getPermissions
        case .setPermissions: .setPermissions
        case .watch: .watch
        case .unwatch: .unwatch
        case .transactionStart: .transactionStart
        case .transactionEnd: .transactionEnd
        case .introduce: .introduce
        case .release: .release
        case .getDomainPath: .getDomainPath
        case .write: .write
        case .makeDirectory: .makeDirectory
        case .remove: .remove
        case .isDomainIntroduced: .isDomainIntroduced
        case .resume: .resume
        case .setTarget: .setTarget
        case .resetWatches: .resetWatches
        case .control: .control
        }
    }

    /// Appends the whole packet. Fails with `tooBig` if the payload is over 4096 bytes; nothing is appended then.
    public func encode(
        requestID: UInt32 = 0, transactionID: UInt32 = 0, to bytes: inout [UInt8]
    ) throws(XenStoreError) {
        var payload: [UInt8] = []
        appendPayload(to: &payload)
        guard payload.count <= XenStoreLimits.payload else { throw .tooBig }
        XenStoreHeader(operation: operation, requestID: requestID, transactionID: transactionID)
            .append(payload: payload.span, to: &bytes)
    }

    private func appendPayload(to payload: inout [UInt8]) {
        func field(_ bytes: [UInt8]) {
            payload.append(bytes.span)
            payload.append(0)
        }
        func field(decimal number: some UnsignedInteger & FixedWidthInteger) {
            payload.append(decimal: number)
            payload.append(0)
        }
        switch self {
        case .directory(let path), .read(let path), .getPermissions(let path), .makeDirectory(let path),
            .remove(let path):
            field(path)
        case .directoryPart(let path, let offset):
            field(path)
            field(decimal: offset)
        case .setPermissions(let path, let permissions):
            field(path)
            for permission in permissions { permission.append(to: &payload) }
        case .watch(let path, let token, let depth):
            field(path)
            field(token)
            if let depth { field(decimal: depth) }
        case .unwatch(let path, let token):
            field(path)
            field(token)
        case .transactionStart, .resetWatches:
            payload.append(0)
        case .transactionEnd(let commits):
            payload.append(commits ? 0x54 : 0x46)
            payload.append(0)
        case .introduce(let domain, let frame, let port):
            field(decimal: domain.rawValue)
            field(decimal: frame)
            field(decimal: port.rawValue)
        case .release(let domain), .getDomainPath(let domain), .isDomainIntroduced(let domain),
            .resume(let domain):
            field(decimal: domain.rawValue)
        case .setTarget(let domain, let target):
            field(decimal: domain.rawValue)
            field(decimal: target.rawValue)
        case .write(let path, let value):
            field(path)
            payload.append(value.span)
        case .control(let command):
            field(command)
        }
    }
}
