import Agent
import ArgumentParser
import Control
import Manifest
import Store
import Units

/// What the version must pass on each node before it serves there: `documents.md`, section 9.
struct GateOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Inputs that each inference process runs on the version before it switches: a safetensors file whose "
                + "tensors all have the samples as their first dimension. Needs --expect or --record.",
            valueName: "file"))
    var calibration: String?
    @Option(
        name: .long,
        help: ArgumentHelp("The outputs that must come of them, within the gates.", valueName: "file"))
    var expect: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "In the place of --expect: a command that starts an inference process, which connects to $SHOAL_SOCKET for "
                + "$SHOAL_MODEL. It runs the inputs on the files, and what comes of them is what must come.",
            valueName: "command"))
    var record: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "A limit: cosine.min, difference.max, argmax.min, latency.ratio.max, memory.max, watch.seconds, "
                + "watch.errors.max, watch.latency.ratio.max or watch.stall.seconds; may be repeated. With "
                + "--calibration cosine.min is 0.99 and latency.ratio.max 1.5 unless given.", valueName: "name=value"))
    var gate: [String] = []

    private static let inputs = FilePath("calibration/inputs.safetensors")
    private static let outputs = FilePath("calibration/outputs.safetensors")
    private static let defaults = ["cosine.min": "0.99", "latency.ratio.max": "1.5"]

    /// Runs the reference process, if there is to be one; its outputs lie there until `remove()`.
    /// - Parameter files: the folder of the version, or of its first variant.
    func recorded(on files: String, model: ModelName) async throws -> ReferenceRun? {
        guard (calibration == nil) == (expect == nil && record == nil), expect == nil || record == nil else {
            throw ControlError(.wrongUsage, "--calibration goes with either --expect or --record")
        }
        guard let calibration, let record else { return nil }
        let run = try ReferenceRun(command: record, model: model)
        do {
            try await run.record(calibration, on: files)
        } catch {
            run.remove()
            throw error
        }
        return run
    }

    /// The files go into every variant: they are stored and transferred once.
    /// - Parameter recorded: the outputs of a reference process, in the place of `--expect`.
    func add(to plans: [PublishPlan], recorded: String?) throws -> [PublishPlan] {
        guard let calibration, let expect = recorded ?? expect, let inputs = Self.inputs, let outputs = Self.outputs
        else { return plans }
        if let fault = CalibrationFiles.fault(inputs: calibration, outputs: expect) {
            throw ControlError(
                .wrongUsage, "the calibration cannot be used: \(fault)",
                hint: "Both are safetensors files, all tensors with the samples as their first dimension.")
        }
        do throws(StoreError) {
            var added: [PublishPlan] = []
            for plan in plans {
                added.append(try plan.adding(inputs, from: calibration).adding(outputs, from: expect))
            }
            return added
        } catch {
            throw error.asControlError
        }
    }

    /// What the manifest says.
    func notes() throws(ControlError) -> [Note] {
        var values: [String: String] = [:]
        if calibration != nil, let inputs = Self.inputs, let outputs = Self.outputs {
            values = Self.defaults
            values["calibration.inputs"] = inputs.text
            values["calibration.outputs"] = outputs.text
        }
        for text in gate {
            guard let equals = text.firstIndex(of: "=") else {
                throw ControlError(.wrongUsage, "--gate is NAME=VALUE, not \(text)")
            }
            values[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        let notes = values.map { Note(key: $0.key, value: $0.value) }.sorted { $0.key < $1.key }
        do throws(GateError) {
            _ = try Gates(notes)
        } catch {
            throw ControlError(
                .wrongUsage, "gate \(error.gate): \(error.detail)", hint: "`shoal seed --help` names the gates.")
        }
        return notes
    }
}
