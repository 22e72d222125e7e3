import ArgumentParser
import Control
import Units

/// `MODEL`, `MODEL@VERSION` or `MODEL:CHANNEL`.
struct ModelReference: ExpressibleByArgument {
    let model: String
    /// A tag or a digest.
    let version: String?
    let channel: String?

    init?(argument: String) {
        if let at = argument.firstIndex(of: "@") {
            self.init(String(argument[..<at]), version: String(argument[argument.index(after: at)...]), channel: nil)
        } else if let colon = argument.firstIndex(of: ":") {
            self.init(
                String(argument[..<colon]), version: nil, channel: String(argument[argument.index(after: colon)...]))
        } else {
            self.init(argument, version: nil, channel: nil)
        }
    }

    private init?(_ model: String, version: String?, channel: String?) {
        guard ModelName(model) != nil, version != "", channel.map({ ChannelName($0) != nil }) ?? true else {
            return nil
        }
        self.model = model
        self.version = version
        self.channel = channel
    }

    /// - Throws: wrong usage unless a version was given.
    func requireVersion(_ command: String) throws(ControlError) -> String {
        guard let version else {
            throw ControlError(
                .wrongUsage, "\(command) needs a version",
                hint: "Write it as \(model)@TAG; `shoal list \(model)` shows them.")
        }
        return version
    }
}
