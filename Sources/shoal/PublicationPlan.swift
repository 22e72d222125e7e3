import Control
import EventLoop
import Manifest
import Store
import Trust
import Units

/// What `shoal seed --plan` says.
struct PublicationPlan: Encodable {
    let schema = "shoal.seed-plan/1"
    let model: String
    let tag: String
    /// The tag of the version that it comes from; empty if there is none.
    let parent: String
    let bytes: Int64
    /// In chunks that the parent has, or that are there more than once.
    let bytesReused: Int64
    /// What a node that has the parent is sent.
    let bytesNew: Int64
    let nodes: [PlanPublication.Node]
    /// Until the last node has it, if that can be told.
    let seconds: Double?

    /// For people.
    var text: String {
        let origin = parent.isEmpty ? "" : ", beside \(parent)"
        let transfer = nodes.map(\.bytesTransfer).max() ?? 0
        let end = seconds.map { ", about \(Format.seconds($0)) to the last node at this node's best rate so far" } ?? ""
        var lines = [
            "\(model)@\(tag), \(Format.bytes(bytes))\(origin)",
            "new          \(Format.bytes(bytesNew))",
            "reused       \(Format.bytes(bytesReused))",
            "to transfer  \(Format.bytes(transfer)) to each of \(nodes.count) connected nodes at most\(end)",
        ]
        for node in nodes where node.isTooSmall {
            lines.append(
                "too small    \(Format.line(node.name)): \(Format.bytes(node.bytesDisk)) are needed, "
                    + "\(Format.bytes(node.bytesRoom ?? 0)) are free or can be freed")
        }
        return lines.joined(separator: "\n")
    }
}

extension Publication {
    /// Cuts and hashes the files, and asks the agent what that would mean for the nodes. Nothing changes.
    func plan() async throws -> PublicationPlan {
        do { return try await forecast() } catch { throw Self.reported(error) }
    }

    private func forecast() async throws -> PublicationPlan {
        let known = try await agent.ask(
            PreparePublication(
                model: names.model.text, tag: names.tag.text, parent: parent, channel: names.channel.text))
        let progress = ProgressLine()
        defer { Task { await progress.finish() } }
        guard known.manifest.isEmpty else {
            try await requireSameFiles(as: try PublisherDesk.manifest(try bytes(known.manifest)), progress)
            throw ControlError(
                .failed, "\(names.model)@\(names.tag) is published already, with these files",
                hint: "Choose another --version to plan with.")
        }
        let parent = known.parentManifest.isEmpty ? nil : try PublisherDesk.manifest(try bytes(known.parentManifest))
        let layout = try parent.flatMap { try PublisherDesk.layout(of: $0, statePath: agent.statePath) }
        let cost = try await Publisher.cost(
            of: plans, cutting: .fitting(parent: parent?.chunking), beside: layout,
            onProgress: show(progress, "cutting"))
        let reply = try await agent.ask(
            PlanPublication(
                parent: known.parent, bytesTotal: plans.map(\.byteCount.value).max() ?? 0,
                bytesNew: cost.newByteCountOfVariant.value, bytesDistinct: cost.distinctByteCountOfVariant.value))
        return PublicationPlan(
            model: names.model.text, tag: names.tag.text, parent: parent?.tag.text ?? "", bytes: cost.byteCount.value,
            bytesReused: cost.byteCount.value - cost.newByteCount.value, bytesNew: cost.newByteCount.value,
            nodes: reply.nodes, seconds: reply.seconds)
    }
}
