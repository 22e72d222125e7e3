internal import Chunking
internal import Files
public import Manifest
internal import Units

/// By which sizes a version is to be cut.
public enum CuttingChoice: Hashable, Sendable {
    /// Those of the version that it came from, as far as they fit; without one, those that fit.
    case fitting(parent: ChunkingParameters?)
    /// Exactly these, since the manifest is signed already.
    case exactly(ChunkingParameters)
}

/// How the files of one version are cut: what the manifest says, and what the cutter makes of it.
struct VersionCutting: Sendable {
    let parameters: ChunkingParameters
    let sizes: CutSizes

    /// - Parameter byteCount: the bytes of all files of all variants together.
    /// - Throws: `.refused` for sizes by which nothing can be cut here.
    init(_ choice: CuttingChoice, byteCount: ByteCount) throws(StoreError) {
        switch choice {
        case .fitting(let parent):
            let fitting = CutSizes.forVersion(of: byteCount)
            sizes = parent.flatMap { $0.sizesForChildren }?.inherited(byVersionOf: byteCount) ?? fitting
            parameters = ChunkingParameters(
                algorithm: .content, smallest: UInt32(sizes.smallest), average: UInt32(sizes.average),
                largest: UInt32(sizes.largest))
        case .exactly(let parameters):
            guard let sizes = parameters.sizes else {
                throw StoreError(
                    .refused, "publish", of: "\(parameters.smallest)",
                    "chunks of fewer than \(Limits.gearWindowByteCount) bytes cannot be cut: choose another --version")
            }
            self.parameters = parameters
            self.sizes = sizes
        }
    }

    /// Where a file is cut. Reads its header, if it has one. Blocks.
    /// - Returns: the plan, and why a file that looks like one with tensors is not cut at them.
    func plan(_ file: any ReadableFile, byteCount: ByteCount) throws(FileError) -> (plan: CutPlan, remark: String?) {
        if parameters.algorithm == .fixed { return (.fixed(byteCount, chunkByteCount: sizes.average), nil) }
        var prefixByteCount = min(TensorHeader.prefixByteCount, byteCount.int)
        while true {
            let prefix = try file.read(byteCount: prefixByteCount, at: 0)
            switch TensorHeader.read(prefix[...], fileByteCount: byteCount) {
            case .tensors(let tensors): return (.tensors(tensors, fileByteCount: byteCount, sizes), nil)
            case .opaque(let reason): return (.opaque(byteCount), reason)
            case .needsMore(let more):
                precondition(more > prefixByteCount && more <= byteCount.int, "\(more) bytes of a header")
                prefixByteCount = more
            }
        }
    }
}

extension ChunkingParameters {
    /// Nil if the cutter of this build cannot cut so.
    fileprivate var sizes: CutSizes? {
        CutSizes(smallest: Int(smallest), average: Int(average), largest: Int(largest))
    }

    /// What versions that come from one with these parameters are cut by.
    fileprivate var sizesForChildren: CutSizes? {
        algorithm == .content ? sizes : .aroundAverage(Int(average))
    }
}
