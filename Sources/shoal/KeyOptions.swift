import ArgumentParser
import Control
import Trust
import Units

/// Where the publisher's or operator's keys are.
struct KeyOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Folder of the publishing and operator keys. Without it: $SHOAL_KEYS, else ~/.config/shoal/CLUSTER-ID.",
            valueName: "dir"))
    var keys: String?

    /// The folder for a cluster, given by its id in hexadecimal.
    func path(cluster: String) throws(ControlError) -> String {
        if let named = keys ?? Environment.value("SHOAL_KEYS") { return named }
        guard let home = Environment.value("HOME") else {
            throw ControlError(.wrongUsage, "HOME is not set", hint: "Name the folder of the keys with --keys.")
        }
        return KeyFolder.defaultPath(home: home, cluster: cluster)
    }

    /// The keys with the root under which they sign, both as the agent named them.
    func desk(root: String, cluster: String) throws(ControlError) -> PublisherDesk {
        let folder = try open(cluster: cluster)
        do throws(TrustError) {
            return try PublisherDesk(rootEnvelope: Hex.decode(root) ?? [], keys: folder)
        } catch {
            throw error.asControlError
        }
    }

    /// The keys themselves.
    func open(cluster: String) throws(ControlError) -> KeyFolder {
        let folder = try path(cluster: cluster)
        do throws(TrustError) {
            return try KeyFolder.open(folder)
        } catch {
            throw error.asControlError
        }
    }
}

extension TrustError {
    /// With the exit code that a command ends with.
    var asControlError: ControlError {
        let exit: ExitStatus =
            switch code {
            case .notAllowed, .permission: .notAllowed
            case .notFound: .notFound
            case .overtaken, .unavailable, .full, .readOnly: .tryAgain
            case .invalid: .verificationFailed
            case .notJoined, .newerFormat, .misconfigured: .badConfiguration
            case .exists, .io: .failed
            }
        return ControlError(exit, description)
    }
}
