internal import EventLoop
internal import Trust
internal import Units

/// What commands decided and a restart must not forget: follows, and peers that were kept from joining.
struct AgentSettings: Codable, Sendable, Equatable {
    /// `MODEL:CHANNEL`, in order.
    var follows: [String] = []
    /// `HOST:PORT`.
    var peers: [String] = []
    /// Models that ever had an inference process.
    var served: [String] = []
    /// What `get` fetched last of models that are not followed: model to manifest digest.
    var fetched: [String: String] = [:]
    /// Versions that `get` asked for and that are not complete yet: manifest digests.
    var wanted: [String] = []
    /// What is known of trials, by model; nil for nothing.
    var trials: [String: StoredTrials]?
    /// The number of the agent's last start, by which its status records are ordered.
    var boot: UInt64?
    /// What `limit` said; nil for nothing.
    var limits: [LimitOrder]?

    var followed: [ModelChannel] {
        follows.compactMap { text in
            guard let colon = text.lastIndex(of: ":"), let model = ModelName(text[..<colon]),
                let channel = ChannelName(text[text.index(after: colon)...])
            else { return nil }
            return ModelChannel(model: model, channel: channel)
        }
    }

    mutating func keep(_ trials: StoredTrials, of model: ModelName) {
        self.trials = (self.trials ?? [:]).merging([model.text: trials]) { $1 }
    }

    mutating func set(_ channel: ModelChannel, followed: Bool) {
        follows.removeAll { $0 == channel.description }
        if followed { follows = (follows + [channel.description]).sorted() }
    }
}
