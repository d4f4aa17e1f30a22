// SPDX-License-Identifier: Apache-2.0
import Testing
import XenABI
import XenBus
import XenStoreWire

/// What a device does when the store refuses, is mute, or breaks, and when the backend does not follow.
@Suite struct FrontendFaultTests {
    /// A driver that counts.
    final class Driver {
        var publications = 0
        var uses = 0
        var closes = 0
        /// Whether there are rings.
        var isPublished = false
        /// Called when it is asked to publish.
        var whenPublishing: () -> Void = {}
        var whenClosing: () -> Void = {}
        var driver: FrontendDriver {
            FrontendDriver(
                publish: { [unowned self] _ throws(FrontendFailure) -> FrontendPublication in
                    publications += 1
                    isPublished = true
                    whenPublishing()
                    var publication = FrontendPublication()
                    publication.set("ring-ref", "8")
                    return publication
                },
                use: { [unowned self] _ throws(FrontendFailure) -> Void in uses += 1 },
                close: { [unowned self] _ in
                    closes += 1
                    isPublished = false
                    whenClosing()
                })
        }
    }
    static let ownState = FaultyStore.front + "/state"
    static let backendState = FaultyStore.back + "/state"
    let driver = Driver()

    func device(_ faulty: FaultyStore) throws -> FrontendDevice {
        try FrontendDevice(faulty.store, kind: "vbd", id: 51712, driver: driver.driver)
    }
    /// A device that is connected.
    func connected(_ faulty: FaultyStore) throws -> FrontendDevice {
        let device = try device(faulty)
        try device.start()
        faulty.settle()
        #expect(faulty[Self.ownState] == "3")
        faulty.set(Self.backendState, "4")
        faulty.settle()
        #expect(device.isConnected && faulty[Self.ownState] == "4" && driver.closes == 0)
        return device
    }

    // MARK: Reading the backend's state

    @Test(arguments: [XenStoreError.tryAgain, .busy, .noMemory])
    func aPassingRefusalIsAskedAgain(_ error: XenStoreError) throws {
        let faulty = FaultyStore()
        faulty.refuse(.read, Self.backendState, error, times: 2)
        let device = try connected(faulty)
        #expect(device.storeFailure == nil && device.failure == nil)
    }

    @Test(arguments: [XenStoreError.inputOutput, .invalidArgument, .tryAgain, .noSpace])
    func aRefusalDoesNotTouchTheConnection(_ error: XenStoreError) throws {
        let faulty = FaultyStore()
        let device = try connected(faulty)
        faulty.refuse(.read, Self.backendState, error)
        faulty.set(Self.backendState, "5")
        faulty.settle()
        #expect(device.isConnected && device.failure == nil && device.storeFailure == .refused(error))
        faulty.refuseNothing()
        faulty.set(Self.backendState, "6")
        faulty.settle()
        #expect(!device.isConnected && device.failure == .closed && device.storeFailure == nil)
        #expect(driver.closes == 1 && faulty[Self.ownState] == "6")
    }

    @Test func aMuteStoreIsAskedUntilItAnswers() throws {
        let faulty = FaultyStore()
        let device = try connected(faulty)
        // The change is seen, its value is not.
        faulty.fallSilent()
        faulty.set(Self.backendState, "5")
        #expect(device.isConnected && device.storeFailure == .timedOut && driver.closes == 0)
        faulty.speakAgain()
        faulty.settle()
        #expect(!device.isConnected && device.failure == .closed && device.storeFailure == nil)
        #expect(faulty[Self.ownState] == "6" && driver.closes == 1)
    }

    @Test func aRingThatIsStartedOverTellsAgain() throws {
        let faulty = FaultyStore()
        let device = try connected(faulty)
        faulty.breakRing()
        faulty.settle()
        #expect(faulty.store.reconnectionCount == 1 && device.isConnected && device.failure == nil)
        faulty.set(Self.backendState, "5")
        faulty.settle()
        #expect(device.failure == .closed && device.storeFailure == nil)
    }

    @Test func aDeadStoreLeavesTheRingsAlone() throws {
        let faulty = FaultyStore(features: 0)
        let device = try connected(faulty)
        faulty.breakRing()
        faulty.settle()
        #expect(faulty.store.isDead && device.isConnected && driver.closes == 0)
        #expect(throws: FrontendFailure.self) { try device.disconnect(.seconds(1)) }
        #expect(driver.closes >= 1)
    }

    // MARK: Publishing

    @Test(arguments: [XenStoreError.noSpace, .accessDenied, .inputOutput, .noMemory])
    func aRefusedPublicationClosesTheDevice(_ error: XenStoreError) throws {
        let faulty = FaultyStore()
        faulty.refuse(.write, FaultyStore.front + "/ring-ref", error)
        let device = try device(faulty)
        #expect(throws: FrontendFailure.store(.refused(error))) { try device.connect() }
        #expect(
            driver.closes == 1 && faulty[Self.ownState] == "5"
                && faulty[FaultyStore.front + "/ring-ref"] == nil)
        faulty.refuseNothing()
        faulty.set(Self.backendState, "6")
        faulty.settle()
        #expect(device.state == .closed && faulty[Self.ownState] == "6")
    }

    @Test func aConflictIsTriedAgainAndThenIsAnError() throws {
        let faulty = FaultyStore()
        faulty.refuse(.transactionEnd, "T", .tryAgain, times: 5)
        _ = try connected(faulty)
        let other = FaultyStore()
        other.refuse(.transactionEnd, "T", .tryAgain)
        let device = try device(other)
        #expect(throws: FrontendFailure.store(.refused(.tryAgain))) { try device.connect() }
    }

    @Test func aRingThatBreaksUnderAPublication() throws {
        let faulty = FaultyStore()
        var count = 0
        driver.whenPublishing = {
            count += 1
            faulty.breakRing()
        }
        _ = try connected(faulty)
        #expect(
            count == 1 && faulty.store.reconnectionCount == 1
                && faulty[FaultyStore.front + "/ring-ref"] == "8")
    }

    @Test func ringsStayUntilAMuteStoreHasAnswered() throws {
        let faulty = FaultyStore()
        let device = try device(faulty)
        driver.whenPublishing = { faulty.fallSilent() }
        #expect(throws: FrontendFailure.store(.timedOut)) { try device.connect() }
        // What was asked may still be carried out: the backend could then see the rings.
        #expect(driver.publications == 1 && driver.closes == 0 && device.state == .closing)
        #expect(faulty[Self.ownState] == "1")
        device.abandon()
        #expect(driver.closes == 0 && device.state == .closed)
        faulty.speakAgain()
        #expect(driver.closes == 1 && faulty[Self.ownState] == "6")
        driver.whenPublishing = {}
        faulty.set(Self.backendState, "2")
        try device.start()
        #expect(throws: FrontendFailure.timedOut) { try device.connect(.milliseconds(1)) }
        #expect(driver.publications == 2 && faulty[Self.ownState] == "3")
        faulty.set(Self.backendState, "4")
        faulty.settle()
        #expect(device.isConnected)
    }

    @Test func newRingsOutliveALateAnswerAboutOldOnes() throws {
        let faulty = FaultyStore()
        let device = try connected(faulty)
        // The backend closes; the store does not say that it knows of our following.
        driver.whenClosing = { faulty.fallSilent() }
        faulty.set(Self.backendState, "6")
        #expect(device.state == .closed && driver.closes == 1 && faulty[Self.ownState] == "4")
        driver.whenClosing = {}
        faulty.wakeUp()
        // That it is back is heard before.
        faulty.set(Self.backendState, "2")
        faulty.settle()
        #expect(driver.publications == 2 && faulty[Self.ownState] == "3")
        #expect(device.state == .initialised && driver.isPublished)
    }

    // MARK: A backend that does not follow

    @Test func openingAndClosingEnd() throws {
        let bench = try DeviceBench()
        let clock = bench.bench.clock
        let device = try bench.device()
        bench.isBackendAlive = false
        let start = clock.now
        #expect(throws: FrontendFailure.timedOut) { try device.connect(.seconds(7)) }
        #expect(clock.now == start + 7_000_000_000)
        bench.isBackendAlive = true
        try device.connect()
        // It dies for good.
        bench.isBackendAlive = false
        let middle = clock.now
        #expect(throws: FrontendFailure.timedOut) { try device.disconnect() }
        #expect(clock.now == middle + 30_000_000_000)
        #expect(bench.closes == 1 && device.state == .closed && bench.state(DeviceBench.front) == .closed)
        #expect(device.failure == .timedOut)
        // Another one comes after all.
        bench.isBackendAlive = true
        try device.connect()
        #expect(device.isConnected && bench.uses == 2 && device.failure == nil)
    }

    @Test func aDeviceIsAbandonedAtOnce() throws {
        let bench = try DeviceBench()
        let clock = bench.bench.clock
        let device = try bench.device()
        device.abandon()
        #expect(bench.closes == 0)
        try device.connect()
        bench.isBackendAlive = false
        let start = clock.now
        device.abandon()
        device.abandon()
        #expect(clock.now == start && bench.closes == 1 && bench.state(DeviceBench.front) == .closed)
        #expect(device.failure == .timedOut)
    }
}
