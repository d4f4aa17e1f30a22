// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// A guest outside Swiftvisor's repository. With a checkout elsewhere only the path changes.
let package = Package(
    name: "Visitor",
    products: [.library(name: "Visitor", type: .static, targets: ["Visitor"])],
    dependencies: [.package(name: "Swiftvisor", path: "../..")],
    targets: [
        .target(
            name: "Visitor",
            dependencies: [.product(name: "GuestABI", package: "Swiftvisor")])
    ])
