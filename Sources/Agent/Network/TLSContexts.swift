internal import Crypto
internal import EventLoop
internal import Trust
internal import Units

/// The TLS contexts of this agent, made anew when its certificate, the root or the deny records change.
@LoopActor
final class TLSContexts {
    private(set) var client: TLSContext
    private(set) var server: TLSContext

    init(_ trust: Trust) throws(TLSError) {
        (client, server) = try Self.make(trust)
    }

    /// Takes what changed. Sessions that are open keep the context that they began with.
    func refresh(_ trust: Trust) throws(TLSError) {
        (client, server) = try Self.make(trust)
    }

    private static func make(_ trust: Trust) throws(TLSError) -> (client: TLSContext, server: TLSContext) {
        (
            try TLSContext(configuration(trust, mode: .client)),
            try TLSContext(configuration(trust, mode: trust.issuer == nil ? .server : .serverAllowingJoin))
        )
    }

    private static func configuration(_ trust: Trust, mode: TLSConfiguration.Mode) -> TLSConfiguration {
        var configuration = TLSConfiguration(
            mode: mode, chain: [trust.identity.certificate] + trust.authorities, key: trust.identity.key,
            authorities: trust.authorities)
        configuration.deniedNodes = trust.deniedNodes
        return configuration
    }
}
