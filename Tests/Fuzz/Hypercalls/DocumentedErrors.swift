// SPDX-License-Identifier: Apache-2.0
import XenABI

enum DocumentedErrors {
    static func allows(_ result: Int64, of operation: FuzzOperation) -> Bool { true }
}
