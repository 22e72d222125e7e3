internal import Files
internal import Units

/// A publisher's look at calibration files, before they are signed: what nodes would refuse is said at once.
public enum CalibrationFiles {
    /// What is wrong with a pair of files; nil if nothing is that can be seen without the model. Blocks.
    /// - Parameters:
    ///   - inputs: The path of the inputs.
    ///   - outputs: The path of the outputs that must come of them.
    public static func fault(inputs: String, outputs: String) -> String? {
        do {
            let (expected, given) = (try open(outputs), try open(inputs))
            guard expected.sampleCount == given.sampleCount else {
                return "\(inputs) has \(given.sampleCount) samples and \(outputs) \(expected.sampleCount)"
            }
            return try nonFinite(in: expected).map { "\(outputs) has a number in \($0) that is not finite" }
        } catch {
            return "\(error)"
        }
    }

    private static func open(_ path: String) throws -> SampleFile {
        do {
            return try SampleFile(OutsideFile(path: path))
        } catch let error as SampleFileError {
            throw SampleFileError("\(path) \(error)")
        }
    }

    /// The name of an output which no model could meet.
    private static func nonFinite(in file: SampleFile) throws -> String? {
        for (name, tensor) in file.tensors.sorted(by: { $0.key < $1.key }) {
            for index in 0..<file.sampleCount where try !file.sample(index, of: tensor).allSatisfy(\.isFinite) {
                return name
            }
        }
        return nil
    }
}
