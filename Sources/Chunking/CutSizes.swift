public import Units

/// How large the chunks of one version are. Invariant: 64 <= smallest <= average <= largest <= 4,194,304.
public struct CutSizes: Hashable, Sendable {
    /// Chunks that content ends are larger than this.
    public let smallest: Int
    /// What the cutter aims at where content decides.
    public let average: Int
    /// No chunk is larger; tensors are cut at exactly this size.
    public let largest: Int

    /// Nil unless the invariant holds.
    public init?(smallest: Int, average: Int, largest: Int) {
        guard Limits.gearWindowByteCount <= smallest, smallest <= average, average <= largest,
            largest <= Limits.chunkByteCountMax
        else { return nil }
        self.smallest = smallest
        self.average = average
        self.largest = largest
    }

    /// The sizes around an average that fits some version.
    private init(average: Int) {
        guard let sizes = Self.aroundAverage(average) else { preconditionFailure("chunks of \(average) bytes") }
        self = sizes
    }

    /// Those that go with an average, half of it and half as much again being the bounds; nil if it is too small or too
    /// large.
    public static func aroundAverage(_ average: Int) -> CutSizes? {
        CutSizes(smallest: average / 2, average: average, largest: average / 2 * 3)
    }

    /// The sizes that fit a version. `Protocol/documents.md`, section 8, says why.
    /// - Parameter byteCount: the bytes of all files of all variants together.
    public static func forVersion(of byteCount: ByteCount) -> CutSizes {
        CutSizes(average: fittingAverage(byteCount))
    }

    /// A parent's sizes, so that what did not change is cut as it was; or, where these do not fit the version at all,
    /// those that do.
    /// - Parameter byteCount: as above.
    public func inherited(byVersionOf byteCount: ByteCount) -> CutSizes {
        let fitting = Self.fittingAverage(byteCount)
        let isNear =
            average <= fitting * Limits.inheritedSizeFactorMax && average * Limits.inheritedSizeFactorMax >= fitting
        let isWithinTable = byteCount.value / Int64(average) <= Int64(Limits.chunkCountMax / 2)
        return isNear && isWithinTable && average.nonzeroBitCount == 1 ? self : CutSizes(average: fitting)
    }

    private static func fittingAverage(_ byteCount: ByteCount) -> Int {
        if byteCount.value > Limits.largeVersionByteCount { return 2 * Limits.chunkAverageByteCountMax }
        var average = Limits.chunkByteCountMin
        while average < Limits.chunkAverageByteCountMax,
            byteCount.value > Int64(average) * Int64(Limits.chunksPerVersionAim)
        {
            average *= 2
        }
        return average
    }
}
