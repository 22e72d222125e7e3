import ArgumentParser
import Control
import Units

/// `MODEL` or `MODEL:CHANNEL`.
struct ChannelReference: ExpressibleByArgument {
    let model: ModelName
    let channel: ChannelName

    init?(argument: String) {
        guard let reference = ModelReference(argument: argument), reference.version == nil,
            let model = ModelName(reference.model), let channel = ChannelName(reference.channel ?? "stable")
        else { return nil }
        self.model = model
        self.channel = channel
    }

    /// `MODEL:CHANNEL`.
    var text: String { "\(model):\(channel)" }
}
