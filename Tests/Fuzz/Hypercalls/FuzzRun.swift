// SPDX-License-Identifier: Apache-2.0

/// One machine's life under a seed: start, steps, end. The same seed does the same on every machine.
public struct FuzzRun {
    public var seed: UInt64
    public var stepCount: Int
    /// Steps that are left out; how a failing run is made shorter.
    public var skipped: Set<Int> = []
    public var stepsPerCheck = 16
    /// Told each step, in words.
    public var log: ((String) -> Void)?
    public init(seed: UInt64, stepCount: Int = 4000) {
        self.seed = seed
        self.stepCount = stepCount
    }
    /// The seed of the `number`th run that a seed stands for; the first is the seed itself.
    public static func seed(_ start: UInt64, _ number: Int) -> UInt64 {
        number == 0 ? start : RandomSource.mix(start &+ UInt64(number) &* 0x1_0000_0001) >> 16
    }

    /// Throws what broke. `report` gets what was covered, also then.
    public func run(_ report: (Coverage) -> Void = { _ in }) throws {
        let world = try FuzzWorld(RandomSource(seed: RandomSource.mix(seed)))
        world.log = log
        world.stepsPerCheck = stepsPerCheck
        defer { report(world.coverage) }
        for number in 0..<stepCount where !skipped.contains(number) {
            // Each step draws from a source of its own, so that leaving one out changes no other.
            try world.run(step: number, RandomSource(seed: RandomSource.mix(seed ^ UInt64(number) << 32)))
            if world.isOver { break }
        }
        try world.check()
        try world.finish()
    }
}
