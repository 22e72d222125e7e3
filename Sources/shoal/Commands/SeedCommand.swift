import ArgumentParser
import Control
import EventLoop
import Manifest
import Store
import Trust
import Units

struct SeedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seed",
        abstract: "Publish a file or a folder as a version of a model, and serve it from here.",
        discussion: """
            Returns when the version is durable on this node and its channel names it. Runs as root or as the \
            agent's user, with a publishing key. The same files under the same tag again: what is missing is \
            finished. A key that may only publish leaves the channel where it is.
            """)

    @Argument(help: "The file or folder; with --variant there is none.") var path: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "A hardware flavour of the version and its file or folder, such as onnx-cpu=DIR; give it once for each. "
                + "Each node takes the one that its hardware runs best.", valueName: "name=path"))
    var variant: [String] = []
    @Option(name: .long, help: ArgumentHelp("The model's name: parts joined by slashes.", valueName: "name")) var model:
        String
    @Option(name: .long, help: ArgumentHelp("The version's name for people.", valueName: "tag")) var version: String
    @Option(name: .long, help: ArgumentHelp("The channel to move.", valueName: "name")) var channel = "stable"
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The version that this one came from, a tag or a digest. It is cut as that one was, so that nodes fetch "
                + "only what changed. By default it is what the channel names.", valueName: "version"))
    var parent: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "A JSON object that says where the version comes from: data set, metrics, hyperparameters, licence, source "
                + "commit. It is signed, and `shoal show` prints it.", valueName: "file"))
    var lineage: String?
    @OptionGroup(title: "Gates") var gates: GateOptions
    @Flag(name: .long, help: "Say what it would cost the nodes that are connected, and publish nothing.")
    var plan = false
    @Flag(name: .long, help: "Refuse links instead of reading through those that lead to files.") var noFollow = false
    @OptionGroup var keyOptions: KeyOptions
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    private struct Report: Encodable {
        let schema = "shoal.seed/1"
        let model: String
        let version: String
        let tag: String
        let path: String
        let bytes: Int64
        let files: Int
        /// Whether the channel names the version now.
        let promoted: Bool
        let channel: String
    }

    func run() async throws {
        try await output.reporting {
            let names = try PublicationNames(model: model, version: version, channel: channel)
            let notes = try gates.notes()
            let places = try VariantPlaces(path: path, variants: variant)
            let reference = try await gates.recorded(on: places.places[0].path, model: names.model)
            defer { reference?.remove() }
            let plans = try gates.add(to: try scan(places), recorded: reference?.outputs)
            let publication = Publication(
                names: names, parent: parent, plans: plans, lineage: try lineage.map(LineageFile.read) ?? [],
                gates: notes, agent: agent, keys: keyOptions)
            if plan { return output.show(try await publication.plan(), as: \.text) }
            let published = try await publication.publish()
            // At once: the other nodes wait for the head alone.
            async let promoted = publication.promote(published)
            try await publication.follow()
            let report = Report(
                model: published.model, version: published.version, tag: published.tag, path: published.path,
                bytes: plans.byteCount.value, files: plans.fileCount, promoted: try await promoted, channel: channel)
            output.show(report, as: text)
        }
    }

    private func scan(_ places: VariantPlaces) throws(ControlError) -> [PublishPlan] {
        do throws(StoreError) {
            var plans: [PublishPlan] = []
            for (variant, path) in places.places {
                plans.append(try PublishPlan.scan(path, as: variant, links: noFollow ? .refuse : .readThrough))
            }
            for item in plans.flatMap(\.leftOut) { Terminal.printError("\(item)") }
            return plans
        } catch {
            throw error.asControlError
        }
    }

    private func text(_ report: Report) -> String {
        let size = "\(Format.bytes(report.bytes)) in \(report.files) files"
        let head =
            report.promoted
            ? "\(report.model):\(report.channel) names it now"
            : "no key here may promote, so \(report.model):\(report.channel) stays; promote it with `shoal promote`"
        return "\(report.model)@\(report.tag) \(report.version.prefix(12)), \(size)\n\(head)"
    }
}

/// What a version is published as.
struct PublicationNames: Sendable {
    let model: ModelName
    let tag: Tag
    let channel: ChannelName

    init(model: String, version: String, channel: String) throws(ControlError) {
        guard let model = ModelName(model) else {
            throw ControlError(
                .wrongUsage, "\(model) is no model name",
                hint: "Parts of letters, digits, dots, dashes and underscores, joined by slashes; "
                    + "none is `versions` or `current`.")
        }
        guard let tag = Tag(version) else {
            throw ControlError(
                .wrongUsage, "\(version) is no tag",
                hint: "One part of letters, digits, dots, dashes and underscores; not eight or more hexadecimal digits."
            )
        }
        guard let channel = ChannelName(channel) else { throw ControlError(.wrongUsage, "\(channel) is no channel") }
        self.model = model
        self.tag = tag
        self.channel = channel
    }
}

extension StoreError {
    /// With the exit code that a command ends with.
    var asControlError: ControlError {
        let exit: ExitStatus =
            switch code {
            case .permission: .notAllowed
            case .notFound: .notFound
            case .corrupt: .verificationFailed
            case .foreign: .badConfiguration
            case .busy, .diskFull, .readOnly: .tryAgain
            default: .failed
            }
        return ControlError(exit, description)
    }
}
